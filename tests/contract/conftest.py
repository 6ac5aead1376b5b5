"""One suite, two databases: SQLite and a PostgreSQL of the tests' own."""

import asyncio
import importlib.util
import itertools
import os
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dialer.callback.record import Callback, NewCallback
from dialer.store import Store, schema
from dialer.store.engine import make_writer, store_url
from dialer.store.migrate import migrate

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


def _postgres() -> Any:
    spec = importlib.util.spec_from_file_location("dialer_tools_postgres", ROOT / "tools" / "postgres.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A running cluster; tests that need one are skipped where PostgreSQL is not installed, but never in CI."""
    module = _postgres()
    try:
        module.server_programs()
    except module.PostgresMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with module.cluster() as cluster:
        yield cluster


@pytest.fixture
def own_postgres(postgres: Any) -> Iterator[Any]:
    """A cluster that a test may stop and start."""
    with _postgres().cluster(fsync=True) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
async def no_database_thread_is_left() -> AsyncIterator[None]:
    """No thread of SQLite's driver outlives the test's loop: what it would report to that loop later raises there."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive(), f"{thread.name} is left; a store was not closed"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/dialer.db"


@pytest.fixture
def postgres_url(postgres: Any) -> Iterator[str]:
    """An empty database."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def shared_postgres_url(postgres: Any) -> str:
    return postgres.create_database("shared")


async def _emptied(url: str) -> str:
    """The shared database without its rows: quicker than a new one for each test."""
    tables = ", ".join(table.name for table in schema.metadata.sorted_tables)
    transactor = make_writer(store_url(url), "process")
    try:
        await transactor.transact(lambda connection: migrate(connection, url))
        await transactor.transact(lambda connection: connection.execute(sa.text(f"TRUNCATE {tables}")))
    finally:
        await transactor.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Address of a database without tables, of each kind in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest) -> str:
    """Address of a database without rows, of each kind in turn."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    return await _emptied(request.getfixturevalue("shared_postgres_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url, node="n1")
    yield opened
    await opened.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[Store]:
    """Another node on the same database."""
    opened = await Store.open(url, node="n2")
    yield opened
    await opened.close()


class Desk:
    """What tests do again and again with a store, at a time that goes on by itself."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    async def book(self, number: str = "+16504661232", **fields: Any) -> Callback:
        new = NewCallback(**{"service": "Sales", "customer_number": number, "number_e164": number, **fields})
        return await self.store.create(new, event="T01", actor="api", now=self.now)

    async def waiting(self, number: str = "+16504661232", *, node: str = "n1", **fields: Any) -> Callback:
        booked = await self.book(number, **fields)
        taken = await self.store.claim(node, now=self.now, limit=1000, lease_s=30)
        return next(callback for callback in taken if callback.id == booked.id)

    async def move(self, callback: Callback, event: str, actor: str = "engine", **rest: Any) -> Callback:
        return await self.store.transition(callback.id, callback.version, event, actor=actor, now=self.now, **rest)

    async def dial(self, callback: Callback, **rest: Any) -> Any:
        return await self.store.begin_attempt(callback.id, callback.version, now=self.now, **{"lease_s": 30, **rest})

    async def fresh(self, callback: Callback) -> Callback:
        found = await self.store.get(callback.id)
        assert found is not None
        return found

    async def events(self, callback: Callback) -> list[str]:
        return [entry.event for entry in await self.store.history(callback.id)]


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)
