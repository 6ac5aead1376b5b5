"""Runs one transaction after the other on one connection: the hands of the `Writer`.

SQLite's transactions run whole on a thread of their own, with the plain driver: a hop to another thread for every
statement, as an async driver makes it, would cost more than the statements. PostgreSQL's run on asyncpg.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class Transactor(Protocol):
    """One connection that writes; one transaction at a time."""

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction and commit it; when it raises, nothing of it is written."""

    async def close(self) -> None:
        """Give up the connection."""


class ThreadTransactor:
    """On a thread of its own, with a synchronous engine."""

    def __init__(self, engine: sa.Engine) -> None:
        """`engine` belongs to the transactor from now on."""
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._connection: sa.Connection | None = None

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction on the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.begin():
                return work(self._connection)
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        """The next transaction begins with a sound connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """End the thread and the engine."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        self._drop()
        self._engine.dispose()


class AsyncTransactor:
    """On an async engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        """`engine` belongs to the transactor from now on."""
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._committing = False

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction; once more when the server had dropped a connection that was kept from before."""
        kept = self._connection is not None
        try:
            return await self._transact(work)
        except DBAPIError as error:
            # The server rolls back what a lost connection had not committed; a COMMIT without answer stays an error.
            if not (kept and error.connection_invalidated) or self._committing:
                raise
        return await self._transact(work)

    async def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        self._committing = False
        if self._connection is None:
            self._connection = await self._engine.connect()
        try:
            transaction = await self._connection.begin()
            value = await self._connection.run_sync(work)
            self._committing = True
            await transaction.commit()
        except BaseException:
            await self._drop()
            raise
        return value

    async def _drop(self) -> None:
        """The next transaction begins with a sound connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._drop()
        await self._engine.dispose()
