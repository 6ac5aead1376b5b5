"""The callbacks that wait on this node, in the order in which they may be dialled: priority, then time queued."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from datetime import datetime

from dialer.callback.record import Callback


class Line:
    """Waiting callbacks of all services; nobody is overtaken within a priority."""

    def __init__(self) -> None:
        self._ordered: list[tuple[int, datetime, str]] = []
        self._callbacks: dict[str, Callback] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def __contains__(self, callback_id: str) -> bool:
        return callback_id in self._callbacks

    def __iter__(self) -> Iterator[Callback]:
        """All that wait, first in line first; the line may change while it is walked."""
        return iter([self._callbacks[key[2]] for key in self._ordered])

    def ids(self) -> list[str]:
        """Ids of all that wait."""
        return list(self._callbacks)

    def add(self, callback: Callback) -> None:
        """Puts a callback into its place; one that is there already is updated."""
        self.remove(callback.id)
        bisect.insort(self._ordered, key_of(callback))
        self._callbacks[callback.id] = callback

    def remove(self, callback_id: str) -> Callback | None:
        """Takes a callback out; None when it is not in the line."""
        callback = self._callbacks.pop(callback_id, None)
        if callback is not None:
            del self._ordered[bisect.bisect_left(self._ordered, key_of(callback))]
        return callback


def key_of(callback: Callback) -> tuple[int, datetime, str]:
    """Order in the line; the id makes it total."""
    return (-callback.priority, callback.queued_at or callback.created_at, callback.id)
