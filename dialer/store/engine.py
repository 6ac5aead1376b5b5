"""Engines of the store: how SQLite and PostgreSQL are opened."""

from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.store.errors import StoreUnavailable, StoreUrlError

Durable = Literal["process", "power"]

BUSY_TIMEOUT_MS = 500
"""How long SQLite itself waits for a lock; the writer tries again until its own limit."""

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


def make_engine(url: URL, *, durable: Durable, writer: bool) -> AsyncEngine:
    """An engine for one role: the one connection that writes, or the few that read.

    Args:
        url: From `store_url`.
        durable: ``process`` survives the death of the process, ``power`` also that of the machine.
        writer: Whether it writes.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, durable=durable, writer=writer)
    return create_async_engine(
        url,
        pool_size=4,
        max_overflow=0,
        pool_pre_ping=not writer,
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": "dialer",
                "synchronous_commit": "on" if durable == "power" else "off",
                "timezone": "UTC",
            },
        },
    )


def _sqlite_engine(url: URL, *, durable: Durable, writer: bool) -> AsyncEngine:
    folder = Path(url.database or "").resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {folder} of the database cannot be made ({error})"
        raise StoreUnavailable(msg) from error
    engine = create_async_engine(
        url, pool_size=1 if writer else 4, max_overflow=0, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )
    level = "FULL" if durable == "power" else "NORMAL"

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in (f"synchronous={level}", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at once: a transaction that has read never fails to go on writing.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine
