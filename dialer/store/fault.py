"""From what a database driver throws to what the store answers.

Nothing is hidden: an error that is not recognised passes as it is, for it is a bug.
"""

import sqlite3
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, StatementError

from dialer.store.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreUnavailable, Unstorable
from dialer.store.operation import Operation, refusal

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FULL = frozenset({sqlite3.SQLITE_FULL})
_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_UNWRITABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})

_NOT_WRITABLE = (TypeError, ValueError, OverflowError)  # what JSON and the drivers raise for values they cannot write

# PostgreSQL error classes: https://www.postgresql.org/docs/15/errcodes-appendix.html
_PG_FULL = frozenset({"53100"})  # disk_full
_PG_AGAIN = frozenset({"40001", "40P01", "55P03"})  # serialization_failure, deadlock_detected, lock_not_available
_PG_AWAY = ("08", "57P", "28", "3D", "53300")  # connection, shutdown, authorisation, no such database, too many clients


def sqlite_code(error: BaseException | None) -> int | None:
    """The primary SQLite result code of a driver error; None when it is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def sqlstate(error: BaseException | None) -> str:
    """The SQLSTATE of a PostgreSQL error, or an empty string."""
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction may succeed when tried again: a lock held elsewhere, a deadlock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return sqlite_code(cause) in _BUSY or sqlstate(cause) in _PG_AGAIN


def translate(error: BaseException, url: str) -> StoreError | None:
    """The store's answer to a driver error; None when it is not a fault of the surroundings.

    Args:
        error: What was caught.
        url: Address of the database, without its password.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = sqlite_code(cause)
    if code is not None:
        return _from_sqlite(code, cause, url)
    state = sqlstate(cause)
    if state in _PG_FULL:
        return StoreFull(f"the disk of {url} is full ({cause}). Nothing was written: make room, then try again")
    if state in _PG_AGAIN:
        return StoreBusy(f"rows of {url} are locked by another program ({cause}). Nothing was written: try again")
    if state.startswith(_PG_AWAY) or (url.startswith("postgresql") and _connection_lost(error)):
        return StoreUnavailable(
            f"the database {url} cannot be reached ({cause}). Check that it runs, its address, user and password"
        )
    return None


def _connection_lost(error: BaseException) -> bool:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OSError | InterfaceError | OperationalError)


def refused(error: BaseException, operation: Operation[Any]) -> StoreError | None:
    """The store's answer when the database does not take what one operation wrote; None when that is a bug."""
    if isinstance(error, IntegrityError):
        return refusal(operation)
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(error, DataError) or sqlstate(cause).startswith("22") or isinstance(cause, _NOT_WRITABLE):
        return Unstorable(f"a value cannot be stored: {cause}")
    return None


def _from_sqlite(code: int, cause: BaseException | None, url: str) -> StoreError | None:
    if code in _BUSY:
        return StoreBusy(
            f"another program holds the write lock of {url} ({cause}). Nothing was written: "
            "find it with `fuser` or `lsof` on the file and end it, then try again"
        )
    if code in _FULL or code == sqlite3.SQLITE_IOERR:
        return StoreFull(
            f"the disk of {url} is full or cannot be written ({cause}). Nothing was written: make room, then try again"
        )
    if code in _DAMAGED:
        return StoreDamaged(f"{url} is not a database of the dialer, or it is damaged ({cause}); restore a copy")
    if code in _UNWRITABLE:
        return StoreUnavailable(
            f"{url} cannot be opened for writing ({cause}). Check that the folder exists and who may write there"
        )
    return None
