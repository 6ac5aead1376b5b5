"""The statistics that a target list may check before an item becomes current (options.md §4).

Agents come from the pool. Queues come from whoever keeps one: the router its requests, the node its line, each as a
source. The expected wait comes from an estimator. A statistic that nobody can tell is None, and skips nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dialer.routing.pool import AgentPool
from dialer.routing.target import Single, Statistic, Target

Waiting = Iterable[tuple[Target, datetime]]
"""What each of those who wait wants, and since when."""

ExpectedWait = Callable[[Single, datetime], float | None]


class Statistics:
    """Reads statistics of targets.

    Attributes:
        expected_wait: tells `RStatExpectedWaitTime`, s; None while there is no estimator.
    """

    def __init__(self, pool: AgentPool) -> None:
        self._pool = pool
        self._queues: list[Callable[[], Waiting]] = []
        self.expected_wait: ExpectedWait | None = None

    def add_queue(self, queue: Callable[[], Waiting]) -> None:
        """Counts those who wait there too."""
        self._queues.append(queue)

    def at(self, now: datetime) -> Statistic:
        """The statistics of one moment; each is worked out once, however many walks ask for it."""
        known: dict[tuple[str, Single], float | None] = {}

        def statistic(name: str, target: Single) -> float | None:
            if (name, target) not in known:
                known[name, target] = self._read(name, target, now)
            return known[name, target]

        return statistic

    def _read(self, name: str, target: Single, now: datetime) -> float | None:
        match name:
            case "RStatAgentsReady" | "RStatAgentsReadyvoice":  # voice is the only medium (checklist E-02)
                return float(len(self._pool.ready_matching(target)))
            case "RStatAgentsTotal":
                return float(len(self._pool.logged_in_matching(target)))
            case "RStatCallsInQueue":
                return float(len(self._waiting_for(target)))
            case "RStatOldestCall":
                queue = self._waiting_for(target)
                return max(0.0, (now - min(queue)).total_seconds()) if queue else 0.0
            case "RStatExpectedWaitTime":
                return None if self.expected_wait is None else self.expected_wait(target, now)
            case _:
                return None

    def _waiting_for(self, target: Single) -> list[datetime]:
        return [
            since
            for queue in self._queues
            for wanted, since in queue()
            if any(item.target == target for item in wanted.items)
        ]
