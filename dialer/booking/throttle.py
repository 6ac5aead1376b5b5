"""How many requests are let through in a time: sliding windows in memory, exact to the request.

A window counts what was admitted by this process. Times are aware UTC and passed in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta

SWEEP_EVERY = 1000  # admissions between two clean-ups of windows that have run empty


class Windows:
    """Sliding windows by key."""

    def __init__(self) -> None:
        self._admitted: dict[tuple[Hashable, float], deque[datetime]] = {}
        self._since_sweep = 0

    def wait_s(self, key: Hashable, limit: int, window_s: float, now: datetime) -> int:
        """Seconds until one more may pass; 0 when it may now. A limit of 0 is off."""
        if limit <= 0:
            return 0
        times = self._admitted.get((key, window_s))
        if times is None:
            return 0
        self._expire(times, window_s, now)
        if len(times) < limit:
            return 0
        free_at = times[len(times) - limit] + timedelta(seconds=window_s)
        return max(1, math.ceil((free_at - now).total_seconds()))

    def admit(self, key: Hashable, limit: int, window_s: float, now: datetime) -> None:
        """Counts one that has passed; nothing is kept for a limit of 0."""
        if limit <= 0:
            return
        self._admitted.setdefault((key, window_s), deque()).append(now)
        self._since_sweep += 1
        if self._since_sweep >= SWEEP_EVERY:
            self._sweep(now)

    def withdraw(self, key: Hashable, window_s: float, at: datetime) -> None:
        """Takes back one admitted at `at`, because it was not carried out after all."""
        times = self._admitted.get((key, window_s))
        if times and at in times:
            times.remove(at)

    def _sweep(self, now: datetime) -> None:
        self._since_sweep = 0
        for (key, window_s), times in list(self._admitted.items()):
            self._expire(times, window_s, now)
            if not times:
                del self._admitted[key, window_s]

    @staticmethod
    def _expire(times: deque[datetime], window_s: float, now: datetime) -> None:
        oldest = now - timedelta(seconds=window_s)
        while times and times[0] <= oldest:
            times.popleft()
