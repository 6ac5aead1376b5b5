"""Virtual time and what is to happen in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

Action = Callable[..., None]
_Entry = tuple[float, int, Action, tuple[Any, ...]]


class VirtualClock:
    """A clock that stands still until the agenda moves it. Implements `dialer.clock.Clock`."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self._seconds = 0.0
        self._now: datetime | None = start

    def now(self) -> datetime:
        """Aware wall time."""
        if self._now is None:
            self._now = self.start + timedelta(seconds=self._seconds)
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._seconds

    def set(self, seconds: float) -> None:
        """Moves on; the agenda alone does this."""
        if seconds != self._seconds:
            self._seconds, self._now = seconds, None


class Agenda:
    """Actions by time; those of one instant in the order in which they were put down."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._heap: list[_Entry] = []
        self._count = 0

    def at(self, seconds: float, action: Action, *args: Any) -> None:
        """Does `action(*args)` at a time of the clock, seconds since its start, not before now."""
        assert seconds >= self._clock.monotonic(), "time does not go back"
        self._count += 1
        heapq.heappush(self._heap, (seconds, self._count, action, args))

    def after(self, delay_s: float, action: Action, *args: Any) -> None:
        """Does `action(*args)` after a delay."""
        self._count += 1
        heapq.heappush(self._heap, (self._clock.monotonic() + delay_s, self._count, action, args))

    def run(self, until_s: float, after_each: Action) -> int:
        """Does everything before `until_s`, `after_each()` after each action; returns how much was done."""
        heap, pop, clock, done = self._heap, heapq.heappop, self._clock, 0
        while heap and heap[0][0] < until_s:
            seconds, _, action, args = pop(heap)
            clock.set(seconds)
            action(*args)
            after_each()
            done += 1
        clock.set(until_s)
        return done
