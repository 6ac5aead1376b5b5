"""Runs tests of this folder in virtual time: `async def` tests get a loop whose clock is made up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from virtual_house import VirtualHouse, virtual_house

from dialer.rerun.virtual_time import run_virtually


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Faults are logged in plain words: drawing them in colours takes longer than the tests."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Any]:
    """`stage(scene, service=..., agents=..., customer=..., anna=...)` runs `async def scene(house)` in virtual time."""

    def run(scene: Callable[[VirtualHouse], Any], **setting: Any) -> Any:
        async def main(loop: Any) -> Any:
            place: AbstractAsyncContextManager[VirtualHouse] = virtual_house(loop, tmp_path, **setting)
            async with place as house:
                found = scene(house)
                return await found if inspect.isawaitable(found) else found

        return run_virtually(partial(main))

    return run
