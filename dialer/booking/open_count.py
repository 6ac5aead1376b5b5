"""How many callbacks of a service are open: counted in the store once per second, own creates added at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from dialer.store import CallbackFilter, Store

KEPT: Final = timedelta(seconds=1)


@dataclass(slots=True)
class _Service:
    """What is known of one service: `open` at `counted_at`, and creates admitted and not yet answered by the store."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    counted_at: datetime | None = None
    open: int = 0
    pending: int = 0
    admitted: int = 0

    def is_fresh(self, now: datetime) -> bool:
        return self.counted_at is not None and abs(now - self.counted_at) <= KEPT


class OpenCount:
    """Never says fewer than there are in this process; for up to a second it may say a few more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._services: dict[str, _Service] = {}

    def now_open(self, service: str) -> int:
        """The number known without asking the store; 0 before the first `refresh`."""
        return self._of(service).open

    async def refresh(self, service: str, now: datetime) -> None:
        """Counts in the store unless that was done within the last second."""
        known = self._of(service)
        if known.is_fresh(now):
            return
        async with known.lock:
            if known.is_fresh(now):
                return
            pending, admitted = known.pending, known.admitted
            count = await self._store.count(CallbackFilter(services=frozenset({service}), open_only=True))
            # what was on its way when the store looked may or may not be in its count: rather one too many
            known.open = count + pending + known.admitted - admitted
            known.counted_at = now

    def admit(self, service: str) -> None:
        """Adds a create that is handed to the store next."""
        known = self._of(service)
        known.open += 1
        known.pending += 1
        known.admitted += 1

    def settle(self, service: str, *, stored: bool) -> None:
        """The store has answered an admitted create."""
        known = self._of(service)
        known.pending -= 1
        if not stored:
            known.open -= 1

    def _of(self, service: str) -> _Service:
        return self._services.setdefault(service, _Service())
