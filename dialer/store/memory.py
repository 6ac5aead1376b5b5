"""A store without a file, a thread or a wait: the same tables, rules and statements, for runs in virtual time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from dialer.store import schema, transaction
from dialer.store.errors import StoreClosed
from dialer.store.opening import Opened
from dialer.store.operation import Operation
from dialer.store.store import Store
from dialer.store.transactor import Transactor
from dialer.store.writer import Writer

T = TypeVar("T")
SHOWN = "memory"


class InlineWriter(Writer):
    """Writes where it is asked to: an event loop whose clock is made up must not wait for a thread.

    Args:
        engine: holds the tables already.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(cast("Transactor", None), url=SHOWN, busy_s=0.0)
        self._engine = engine

    async def submit(self, operation: Operation[T]) -> T:
        """Carry out one operation in a transaction of its own."""
        outcome = await self.run(lambda connection: transaction.run(connection, [operation])[0])
        answer: T = outcome.answer()
        return answer

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Carry out `work` in a transaction of its own."""
        self.transactions += 1
        with self._engine.begin() as connection:
            return work(connection)

    async def stop(self) -> None:
        """Forget everything."""
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class InlineConnection:
    """A plain connection behind the two awaitable methods that reading uses."""

    connection: sa.Connection

    async def execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        """The rows of a statement."""
        return cast("sa.CursorResult[Any]", self.connection.execute(statement))

    async def scalar(self, statement: sa.Executable) -> Any:
        """The first column of the first row."""
        return self.connection.scalar(statement)


class MemoryStore(Store):
    """A store that lives as long as this object. Nothing in it waits for anything but the event loop."""

    @classmethod
    async def fresh(cls, node: str = "node-1") -> "MemoryStore":
        """An empty one, on the running event loop."""
        engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        schema.metadata.create_all(engine)
        return cls(InlineWriter(engine), Opened(cast("Transactor", None), cast("AsyncEngine", engine), SHOWN), node)

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        await self._writer.stop()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise StoreClosed
        with cast("sa.Engine", self._reader).connect() as connection:
            yield cast("AsyncConnection", InlineConnection(connection))
