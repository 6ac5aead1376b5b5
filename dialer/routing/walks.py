"""The ways of all callbacks of a node through their target lists, from the time they were queued (options.md §4).

A callback keeps its way: while it waits to be dialled, while it is dialled again, and while its customer waits on the
line. Where it stands depends on how long it has waited, not on how often it was looked at.
"""

from __future__ import annotations

from datetime import datetime

from dialer.routing.statistic import Statistics
from dialer.routing.target import Statistic, Target, TargetWalk


class Walks:
    """Target walks by callback; single targets need none of their own.

    Attributes:
        statistics: what the lists may check.
    """

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self._walks: dict[str, TargetWalk] = {}
        self._standing: dict[str, TargetWalk] = {}

    def of(
        self, key: str, target: Target, started_at: datetime, now: datetime, statistic: Statistic | None = None
    ) -> TargetWalk:
        """The way of one callback, at the item that is current at `now`.

        Args:
            key: the callback's id.
            target: what it wants; another target than last time begins a new way.
            started_at: when it was queued.
            now: aware UTC.
            statistic: those of this moment, where many are asked for at once.
        """
        if len(target.items) == 1:
            if target.text not in self._standing:
                self._standing[target.text] = TargetWalk(target, started_at)
            return self._standing[target.text]
        statistic = statistic or self.statistics.at(now)
        walk = self._walks.get(key)
        if walk is None or walk.target != target:
            walk = self._walks[key] = TargetWalk(target, started_at, statistic)
        walk.advance(now, statistic)
        return walk

    def forget(self, key: str) -> None:
        """Ends a callback's way: it is completed, or another node's."""
        self._walks.pop(key, None)
