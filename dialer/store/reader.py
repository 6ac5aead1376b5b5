"""The reading half of the store: connections of its own that see the last committed state."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.callback.record import Attempt, Callback, HistoryEntry, JournalEntry, NodeInfo
from dialer.callback.state import State
from dialer.store import fault, rows, schema
from dialer.store.errors import StoreClosed
from dialer.store.filter import CallbackFilter, conditions, ordering


class Reader:
    """Answers questions about callbacks; never writes and never waits for a writer."""

    def __init__(self, engine: AsyncEngine, url: str) -> None:
        """On `engine`; `url` is the address that messages show."""
        self._reader = engine
        self._closed = False
        self.url = url

    async def get(self, callback_id: str) -> Callback | None:
        """The callback, or None."""
        found = await self.find(CallbackFilter(ids=frozenset({callback_id})))
        return found[0] if found else None

    async def find(self, wanted: CallbackFilter) -> list[Callback]:
        """Callbacks that fit, in the filter's order."""
        columns = [schema.callback.c[name] for name in rows.CALLBACK_FIELDS]
        statement = sa.select(*columns).where(*conditions(wanted)).order_by(*ordering(wanted)).limit(wanted.limit)
        return [rows.to_callback(row) for row in await self._all(statement)]

    async def count(self, wanted: CallbackFilter) -> int:
        """How many fit; `limit` and `order` have no effect."""
        statement: sa.Select[Any] = sa.select(sa.func.count()).select_from(schema.callback).where(*conditions(wanted))
        async with self._read() as connection:
            return int(await connection.scalar(statement) or 0)

    async def counts(self) -> dict[tuple[str, State], int]:
        """Number of callbacks by service and state."""
        c = schema.callback.c
        statement: sa.Select[Any] = sa.select(c.service, c.state, sa.func.count()).group_by(c.service, c.state)
        return {(row[0], State(row[1])): int(row[2]) for row in await self._all(statement)}

    async def attempts(self, callback_id: str) -> list[Attempt]:
        """Its `dials[]`, oldest first."""
        c = schema.attempt.c
        columns = [c[name] for name in rows.ATTEMPT_FIELDS]
        statement = sa.select(*columns).where(c.callback_id == callback_id).order_by(c.n)
        return [rows.to_attempt(row) for row in await self._all(statement)]

    async def open_attempts(self) -> list[Attempt]:
        """All calls to customers that have not ended, of all nodes."""
        c = schema.attempt.c
        columns = [c[name] for name in rows.ATTEMPT_FIELDS]
        return [rows.to_attempt(row) for row in await self._all(sa.select(*columns).where(c.ended_at.is_(None)))]

    async def history(self, callback_id: str) -> list[HistoryEntry]:
        """Its transitions, oldest first."""
        c = schema.history.c
        columns = [c[name] for name in rows.HISTORY_FIELDS]
        statement = sa.select(*columns).where(c.callback_id == callback_id).order_by(c.id)
        return [rows.to_history(row) for row in await self._all(statement)]

    async def journal(self, callback_id: str) -> list[JournalEntry]:
        """Its timeline, in order of time."""
        c = schema.journal.c
        batches = await self._all(sa.select(c.entries).where(c.callback_id == callback_id).order_by(c.id))
        entries = [entry for batch in batches for entry in rows.to_journal(batch[0])]
        return sorted(entries, key=lambda entry: (entry.at, entry.t_ms))

    async def nodes(self) -> list[NodeInfo]:
        """All nodes ever seen, by name."""
        columns = [schema.node.c[name] for name in rows.NODE_FIELDS]
        return [rows.to_node(row) for row in await self._all(sa.select(*columns).order_by(schema.node.c.name))]

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise StoreClosed
        try:
            async with self._reader.connect() as connection:
                yield connection
        except Exception as error:
            translated = fault.translate(error, self.url)
            if translated is None:
                raise
            raise translated from error

    async def _all(self, statement: sa.Select[Any]) -> Sequence[Any]:
        async with self._read() as connection:
            found: Sequence[Any] = (await connection.execute(statement)).all()
        return found
