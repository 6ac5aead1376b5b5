"""Attempt rows as the dialer commits them: one before each INVITE, closed when its leg has ended."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from dialer.callback.call_result import CallResult
from dialer.callback.record import Attempt, AttemptResult, Callback, NewCallback
from dialer.store import Store

CALLBACKS = 2000
LEASE_S = 3600.0


class Rows(Protocol):
    """What a bench does around a call."""

    async def begin(self) -> object:
        """Before the INVITE; gives what end() takes."""

    async def end(self, begun: object) -> None:
        """After the leg has ended."""


class NoRows:
    """Nothing is kept."""

    async def begin(self) -> None:
        """Returns at once."""

    async def end(self, begun: object) -> None:
        """Returns at once."""


class StoredRows:
    """Attempts in a store. A callback is dialled again and again, one attempt at a time.

    Args:
        store: an open store.
        callbacks: those claimed.
    """

    def __init__(self, store: Store, callbacks: list[Callback]) -> None:
        self._store = store
        self._free: asyncio.Queue[Callback] = asyncio.Queue()
        for callback in callbacks:
            self._free.put_nowait(callback)

    async def begin(self) -> Attempt:
        """Commits an attempt's row."""
        callback = await self._free.get()
        now = datetime.now(UTC)
        _, attempt = await self._store.begin_attempt(callback.id, callback.version, now=now, lease_s=LEASE_S)
        return attempt

    async def end(self, begun: object) -> None:
        """Commits the attempt's result and makes its callback free for the next."""
        assert isinstance(begun, Attempt)
        now = datetime.now(UTC)
        callback = await self._store.end_attempt(
            begun,
            event="T32",
            actor="engine",
            now=now,
            result=AttemptResult(call_result=CallResult.BUSY, sip_status=486),
            changes={"next_dial_at": now + timedelta(seconds=1)},
        )
        self._free.put_nowait(
            await self._store.transition(callback.id, callback.version, "T33", actor="engine", now=now)
        )


@asynccontextmanager
async def rows_in(url: str | None, durable: str) -> AsyncIterator[Rows]:
    """Gives the rows of a run.

    Args:
        url: "sqlite" for a file of its own, a database's address, or None for no rows.
        durable: "process" or "power".
    """
    if url is None:
        yield NoRows()
        return
    with tempfile.TemporaryDirectory(prefix="bench-rows-") as folder:
        address = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}" if url == "sqlite" else url
        store = await Store.open(address, durable=durable)  # type: ignore[arg-type]
        try:
            yield StoredRows(store, await _claimed(store))
        finally:
            await store.close()


async def _claimed(store: Store) -> list[Callback]:
    now = datetime.now(UTC)
    for start in range(0, CALLBACKS, 200):
        numbers = [f"+1650{n:07d}" for n in range(start, start + 200)]
        new = [NewCallback(service="bench", customer_number=number, number_e164=number) for number in numbers]
        await asyncio.gather(*(store.create(one, event="T01", actor="api", now=now) for one in new))
    return await store.claim(now=now, limit=CALLBACKS, lease_s=LEASE_S)
