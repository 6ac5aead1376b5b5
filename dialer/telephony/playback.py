"""Playing files to a leg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Playlist:
    """What to play.

    Attributes:
        files: WAV files, one after another.
        loop: from the beginning again after the last.
        delay_ms: silence before the first sample.
        max_duration_s: stops after so much sound, the delay not counted; None = no limit.
    """

    files: Sequence[Path]
    loop: bool = False
    delay_ms: int = 0
    max_duration_s: float | None = None


class Playback:
    """A playlist that plays.

    Attributes:
        finished: settles with True when played to its end, False when it was stopped, replaced, or the leg ended.
        started_at: monotonic time when the first sample went out; None before.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ticket: int, prompts: list[Any], stop: Callable[[], None]
    ) -> None:
        self.ticket = ticket
        self.prompts = prompts
        self.finished: asyncio.Future[bool] = loop.create_future()
        self.started: asyncio.Event = asyncio.Event()
        self.started_at: float | None = None
        self._stop = stop

    async def stop(self) -> None:
        """Stops with the next 20 ms frame; nothing happens when it is over."""
        if not self.finished.done():
            self._stop()
            self.mark_finished(False)

    def mark_started(self, at: float) -> None:
        """The first sample went out (called on the loop)."""
        self.started_at = at
        self.started.set()

    def mark_finished(self, complete: bool) -> None:
        """It is over (called on the loop)."""
        if not self.finished.done():
            self.finished.set_result(complete)
