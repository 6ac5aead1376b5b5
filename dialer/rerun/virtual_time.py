"""An event loop whose clock is made up: it never waits, it goes to the next moment at which something is due.

All of asyncio's waiting (sleep, timeout, wait_for) goes by the loop's clock, so a scenario of an hour runs in
milliseconds, always in the same order. Nothing on it may wait for a thread or a socket.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class StandStill(RuntimeError):  # noqa: N818 - says what happened
    """Everybody waits and nothing is due: in real time this would wait for ever."""


class _LeapingSelector(selectors.DefaultSelector):
    """Instead of waiting until a time, makes it that time."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StandStill("nothing is due any more, and what is waited for has not come")
        if timeout > 0:
            self._leap(timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on a made-up clock that starts at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_LeapingSelector(self._leap))

    def time(self) -> float:
        """Seconds since the loop was made, in virtual time."""
        return self._now

    def _leap(self, seconds: float) -> None:
        self._now += seconds


class VirtualClock:
    """The `dialer.clock.Clock` of a virtual loop.

    Args:
        loop: whose time it tells.
        start: aware wall time at the loop's 0.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = EPOCH) -> None:
        self._loop = loop
        self.start = start

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return self.start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return self._loop.time()


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine on a virtual loop of its own, to its end.

    Raises:
        StandStill: when it waits for something that cannot come.
    """
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
