"""The callback store on SQLAlchemy Core: SQLite by default, PostgreSQL for many nodes. The only truth."""

from dialer.store.errors import (
    AttemptClosed,
    AttemptConflict,
    DuplicateCallback,
    LimitReached,
    NoNumberFree,
    RequestGone,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreSchemaNewer,
    StoreUnavailable,
    StoreUrlError,
    UnknownCallback,
    Unstorable,
    VersionConflict,
)
from dialer.store.filter import CallbackFilter, Limit
from dialer.store.interaction import KeptInteraction
from dialer.store.memory import MemoryStore
from dialer.store.store import Store

__all__ = [
    "AttemptClosed",
    "AttemptConflict",
    "CallbackFilter",
    "DuplicateCallback",
    "KeptInteraction",
    "Limit",
    "LimitReached",
    "MemoryStore",
    "NoNumberFree",
    "RequestGone",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreSchemaNewer",
    "StoreUnavailable",
    "StoreUrlError",
    "UnknownCallback",
    "Unstorable",
    "VersionConflict",
]
