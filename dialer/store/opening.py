"""Opens a database: engines, WAL mode, migrations; answers plainly when it cannot."""

import asyncio
import time
from dataclasses import dataclass

import aiosqlite
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.store import fault
from dialer.store.engine import BUSY_TIMEOUT_MS, Durable, make_folder, make_reader, make_writer, store_url
from dialer.store.migrate import migrate
from dialer.store.transactor import Transactor

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Opened:
    """What writes and what reads one database, and its address as messages show it."""

    writer: Transactor
    reader: AsyncEngine
    shown: str


async def open_database(text: str, *, durable: Durable, busy_s: float) -> Opened:
    """Open the database and bring its schema up to date.

    Raises:
        StoreError: the fitting one, when it cannot be used.
    """
    url = store_url(text)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        make_folder(url)
    writer = make_writer(url, durable)
    try:
        await _prepare(writer, url, shown, busy_s)
    except BaseException as error:
        await writer.close()
        translated = fault.translate(error, shown) if isinstance(error, Exception) else None
        if translated is None:
            raise
        raise translated from error
    return Opened(writer, make_reader(url), shown)


async def _prepare(writer: Transactor, url: URL, shown: str, busy_s: float) -> None:
    deadline = time.monotonic() + busy_s
    while True:
        try:
            if url.get_backend_name() == "sqlite":
                await _use_wal(str(url.database))
            await writer.transact(lambda connection: migrate(connection, shown))
        except Exception as error:
            if not fault.may_pass(error) or time.monotonic() >= deadline:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return


async def _use_wal(path: str) -> None:
    """WAL is a property of the file: it is set outside of transactions, and needs the file for itself once."""
    async with aiosqlite.connect(path, timeout=BUSY_TIMEOUT_MS / 1000) as database:
        await database.execute("PRAGMA journal_mode=WAL")
