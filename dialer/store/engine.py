"""Engines of the store: how SQLite and PostgreSQL are opened for reading and for writing."""

from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.store.errors import StoreUnavailable, StoreUrlError
from dialer.store.transactor import AsyncTransactor, ThreadTransactor, Transactor

Durable = Literal["process", "power"]

BUSY_TIMEOUT_MS = 500
"""How long SQLite itself waits for a lock; the writer tries again until its own limit."""

REPLY_LIMIT_S = 30.0
"""How long PostgreSQL may take for one statement, a wait for a lock included."""

CONNECT_LIMIT_S = 5.0
"""How long it may take to answer a new connection."""

READERS = 4
"""Connections for reading."""

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


def store_url(text: str) -> URL:
    """The address of the database, with its async driver.

    Raises:
        StoreUrlError: when it is not an address, not SQLite or PostgreSQL, or a database in memory.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        msg = f"[db] url {text!r} is no database address; write sqlite:///var/dialer.db or postgresql://user@host/name"
        raise StoreUrlError(msg) from error
    backend = url.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        msg = f"[db] url {text!r}: {backend} is not supported; use sqlite or postgresql"
        raise StoreUrlError(msg)
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        msg = f"[db] url {text!r} names no file: a database in memory would be lost with the process"
        raise StoreUrlError(msg)
    return url.set(drivername=_DRIVERS[backend])


def make_folder(url: URL) -> None:
    """Make the folder of an SQLite file.

    Raises:
        StoreUnavailable: when it cannot be made.
    """
    folder = Path(url.database or "").resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {folder} of the database cannot be made ({error}); choose another [db] url"
        raise StoreUnavailable(msg) from error


def make_writer(url: URL, durable: Durable) -> Transactor:
    """The one connection that writes.

    Args:
        url: From `store_url`.
        durable: ``process`` survives the death of the process, ``power`` also that of the machine.
    """
    if url.get_backend_name() != "sqlite":
        return AsyncTransactor(_postgres(url, durable, pool_size=1))
    engine = sa.create_engine(
        url.set(drivername="sqlite"), pool_size=1, max_overflow=0, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )
    _prepare_sqlite(engine, durable, begin="BEGIN IMMEDIATE")
    return ThreadTransactor(engine)


def make_reader(url: URL) -> AsyncEngine:
    """The few connections that read."""
    if url.get_backend_name() != "sqlite":
        return _postgres(url, "process", pool_size=READERS)
    engine = create_async_engine(
        url, pool_size=READERS, max_overflow=0, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )
    _prepare_sqlite(engine.sync_engine, "process", begin="BEGIN")
    return engine


def _postgres(url: URL, durable: Durable, *, pool_size: int) -> AsyncEngine:
    settings = {
        "application_name": "dialer",
        "synchronous_commit": "on" if durable == "power" else "off",
        "timezone": "UTC",
    }
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT_LIMIT_S, "command_timeout": REPLY_LIMIT_S, "server_settings": settings},
    )


def _prepare_sqlite(engine: sa.Engine, durable: Durable, *, begin: str) -> None:
    """Set each connection up, and begin transactions by `begin`.

    BEGIN IMMEDIATE takes the write lock at once: a transaction that has read never fails to go on writing.
    """
    level = "FULL" if durable == "power" else "NORMAL"
    pragmas = (f"synchronous={level}", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)
