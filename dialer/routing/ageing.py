"""Priority ageing, and a queue that keeps its order while services age at different rates.

Order everywhere: effective priority, highest first; within one the callback queued first. Two callbacks of one lane
(same first priority, same ageing) never change places, because the one queued first has aged at least as much. So a
queue is kept as one list per lane, and only the heads of the lanes are compared when it is walked.

Source: options `priority`, `priority_increment`, `priority_increment_interval`, `priority_limit`.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Self, TypeVar

from dialer.callback.options import ServiceOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ageing:
    """How a service's priorities rise with waiting.

    Attributes:
        increment: added after each full interval; 0 = no ageing.
        interval_s: seconds, > 0.
        limit: ageing does not raise above it; a first priority above it stays as it is.
    """

    increment: int = 0
    interval_s: float = 60.0
    limit: int = 1000

    @classmethod
    def of(cls, options: ServiceOptions) -> Self:
        """As a service's options say."""
        return cls(options.priority_increment, options.priority_increment_interval, options.priority_limit)

    def priority_after(self, priority: int, waited_s: float) -> int:
        """The effective priority of somebody who began with `priority` and has waited `waited_s` seconds."""
        if self.increment == 0 or priority >= self.limit or waited_s < self.interval_s:
            return priority
        return min(self.limit, priority + self.increment * int(waited_s // self.interval_s))


NO_AGEING = Ageing()


def effective_priority(priority: int, ageing: Ageing, queued_at: datetime, now: datetime) -> int:
    """The priority at `now`; never below `priority`, also when `now` lies before `queued_at`."""
    if ageing.increment == 0:
        return priority
    return ageing.priority_after(priority, (now - queued_at).total_seconds())


_Lane = tuple[int, Ageing]
_Entry = tuple[datetime, str, Hashable]  # queued at, tie, key
_Rank = tuple[int, datetime, str]


class AgedQueue(Generic[T]):
    """Items by effective priority, then time queued, then `tie`. Adding, removing and a position cost O(log n)."""

    def __init__(self) -> None:
        self._lanes: dict[_Lane, list[_Entry]] = {}
        self._placed: dict[Hashable, tuple[_Lane, _Entry, T]] = {}

    def __len__(self) -> int:
        return len(self._placed)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._placed

    def get(self, key: Hashable) -> T | None:
        """The item with this key; None when it is not in the queue."""
        placed = self._placed.get(key)
        return None if placed is None else placed[2]

    def keys(self) -> list[Hashable]:
        """All keys, in no order."""
        return list(self._placed)

    def items(self) -> list[T]:
        """All items, in no order; cheaper than `in_order`."""
        return [placed[2] for placed in self._placed.values()]

    def add(self, key: Hashable, item: T, priority: int, queued_at: datetime, tie: str, ageing: Ageing) -> None:
        """Puts an item into its place; one with this key that is there already is replaced."""
        self.remove(key)
        lane, entry = (priority, ageing), (queued_at, tie, key)
        bisect.insort(self._lanes.setdefault(lane, []), entry, key=_entry_order)
        self._placed[key] = (lane, entry, item)

    def remove(self, key: Hashable) -> T | None:
        """Takes an item out; None when there is none with this key."""
        placed = self._placed.pop(key, None)
        if placed is None:
            return None
        lane, entry, item = placed
        entries = self._lanes[lane]
        at = bisect.bisect_left(entries, _entry_order(entry), key=_entry_order)
        while entries[at][2] != key:  # equal times and ties stand side by side
            at += 1
        del entries[at]
        if not entries:
            del self._lanes[lane]
        return item

    def as_begun(self) -> Iterator[T]:
        """Items by first priority, as if nobody had aged."""
        return self.in_order(datetime.min.replace(tzinfo=UTC))

    def in_order(self, now: datetime) -> Iterator[T]:
        """Items as they stand at `now`, first one first; the queue may change while it is walked."""
        for key in self._keys_in_order(now):
            placed = self._placed.get(key)
            if placed is not None:
                yield placed[2]

    def _keys_in_order(self, now: datetime) -> Iterator[Hashable]:
        if len(self._lanes) == 1:  # within a lane nobody ever changes places
            (entries,) = self._lanes.values()
            return (entry[2] for entry in tuple(entries))
        lanes = [_ranked(lane, tuple(entries), now) for lane, entries in self._lanes.items()]
        return (key for _, key in heapq.merge(*lanes, key=_first))

    def position(self, key: Hashable, now: datetime) -> int | None:
        """1 for who is served next; None for who is not in the queue."""
        placed = self._placed.get(key)
        if placed is None:
            return None
        lane, entry, _ = placed
        return 1 + self._ahead_of(_rank(lane, entry, now), now)

    def position_of_new(self, priority: int, now: datetime) -> int:
        """The position that somebody who came at `now` with this priority would have."""
        return 1 + self._ahead_of((-priority, now, "\U0010ffff"), now)

    def _ahead_of(self, rank: _Rank, now: datetime) -> int:
        return sum(
            bisect.bisect_left(entries, rank, key=lambda entry, lane=lane: _rank(lane, entry, now))  # type: ignore[misc]
            for lane, entries in self._lanes.items()
        )


def _entry_order(entry: _Entry) -> tuple[datetime, str]:
    return entry[:2]


def _first(ranked: tuple[_Rank, Hashable]) -> _Rank:
    return ranked[0]


def _rank(lane: _Lane, entry: _Entry, now: datetime) -> _Rank:
    return (-effective_priority(lane[0], lane[1], entry[0], now), entry[0], entry[1])


def _ranked(lane: _Lane, entries: tuple[_Entry, ...], now: datetime) -> Iterator[tuple[_Rank, Hashable]]:
    for entry in entries:
        yield _rank(lane, entry, now), entry[2]
