"""The callbacks that wait on this node, as they may be dialled: by effective priority, then by time queued.

Each service ages at its own rate (`priority_increment` and what belongs to it), so the order depends on the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from dialer.callback.record import Callback
from dialer.routing import NO_AGEING, AgedQueue, Ageing


class Line:
    """Waiting callbacks of all services; nobody is overtaken within an effective priority.

    Args:
        ageing_of: how a callback's priority rises; without it none does.
    """

    def __init__(self, ageing_of: Callable[[Callback], Ageing] = lambda _: NO_AGEING) -> None:
        self._ageing_of = ageing_of
        self._queue: AgedQueue[Callback] = AgedQueue()

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, callback_id: str) -> bool:
        return callback_id in self._queue

    def __iter__(self) -> Iterator[Callback]:
        """All that wait, by first priority and time queued; the line may change while it is walked."""
        return self._queue.as_begun()

    def in_order(self, now: datetime) -> Iterator[Callback]:
        """All that wait, as they may be dialled at `now`; the line may change while it is walked."""
        return self._queue.in_order(now)

    def position(self, callback_id: str, now: datetime) -> int | None:
        """Place among all that wait on this node, 1 for the first; None when it is not in the line."""
        return self._queue.position(callback_id, now)

    def ids(self) -> list[str]:
        """Ids of all that wait."""
        return [str(key) for key in self._queue.keys()]  # noqa: SIM118 - a queue, not a mapping

    def add(self, callback: Callback) -> None:
        """Puts a callback into its place; one that is there already is updated."""
        self._queue.add(
            callback.id, callback, callback.priority, queued_at(callback), callback.id, self._ageing_of(callback)
        )

    def remove(self, callback_id: str) -> Callback | None:
        """Takes a callback out; None when it is not in the line."""
        return self._queue.remove(callback_id)


def queued_at(callback: Callback) -> datetime:
    """When it came into the queue: what its place and its ageing count from."""
    return callback.queued_at or callback.created_at
