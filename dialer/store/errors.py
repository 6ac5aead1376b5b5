"""What the store answers when it cannot do as asked. Each message says what to do about it."""

from typing import TYPE_CHECKING

from dialer.callback.errors import DialerError

if TYPE_CHECKING:
    from dialer.store.filter import Limit


class StoreError(DialerError):
    """The callback store could not do what it was asked to do."""


class UnknownCallback(StoreError):  # noqa: N818  (named as the API names it)
    """There is no callback with this id."""

    def __init__(self, callback_id: str) -> None:
        super().__init__(f"there is no callback {callback_id}")
        self.callback_id = callback_id


class VersionConflict(StoreError):  # noqa: N818
    """The callback has been changed by somebody else since it was read; read it again and decide anew."""

    def __init__(self, callback_id: str, expected: int, found: int) -> None:
        super().__init__(
            f"callback {callback_id} is at version {found}, not {expected}: it was changed meanwhile; read it again"
        )
        self.callback_id = callback_id
        self.expected = expected
        self.found = found


class AttemptConflict(StoreError):  # noqa: N818
    """The callback, or its number, already has an attempt that has not ended; it must not be dialled twice."""

    def __init__(self, callback_id: str, number: str, holder: str | None = None) -> None:
        held = f"callback {holder}" if holder and holder != callback_id else "another attempt"
        super().__init__(f"callback {callback_id} may not be dialled now: {held} is on a call to its number")
        self.callback_id = callback_id
        self.number = number
        self.holder = holder


class AttemptClosed(StoreError):  # noqa: N818
    """The attempt has ended already, by a cancel or by recovery; its result stands."""

    def __init__(self, callback_id: str, n: int) -> None:
        super().__init__(f"attempt {n} of callback {callback_id} has ended already")
        self.callback_id = callback_id
        self.n = n


class DuplicateCallback(StoreError):  # noqa: N818
    """There is a callback with this id already."""

    def __init__(self, callback_id: str) -> None:
        super().__init__(f"there is a callback {callback_id} already")
        self.callback_id = callback_id


class LimitReached(StoreError):  # noqa: N818
    """There are as many callbacks of this kind as may be.

    Attributes:
        limit: Which of the limits given to `Store.create`.
        count: How many callbacks there are.
    """

    def __init__(self, limit: "Limit", count: int) -> None:
        super().__init__(f"there are {count} such callbacks already, at most {limit.at_most} may be")
        self.limit = limit
        self.count = count


class Unstorable(StoreError):  # noqa: N818
    """A value cannot be stored: a text with a NUL character, or something that JSON cannot write."""


class StoreClosed(StoreError):  # noqa: N818
    """The store has been closed; nothing more can be read or written."""


class StoreBusy(StoreError):  # noqa: N818
    """Another program holds the database's write lock. Nothing was written: find it and end it, then try again."""


class StoreFull(StoreError):  # noqa: N818
    """The disk of the database is full. Nothing was written: make room, then try again."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be reached. Nothing was written as far as is known: check that it runs and its address."""


class StoreDamaged(StoreError):  # noqa: N818
    """The file is not a database of ours, or it is damaged."""


class StoreSchemaNewer(StoreError):  # noqa: N818
    """The database was made by a newer dialer; upgrade this one, or point `[db] url` to another database."""


class StoreUrlError(StoreError):
    """The address of the database cannot be used."""


class NoNumberFree(StoreError):  # noqa: N818
    """Every number of the call-in group is in use."""

    def __init__(self, group: str, numbers: int) -> None:
        super().__init__(f"none of the {numbers} numbers of call-in group {group} is free now; try again later")
        self.group = group


class RequestGone(StoreError):  # noqa: N818
    """The call-in request is not active any more: it was matched, has expired, or its callback has ended."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"call-in request {request_id} is not active any more")
        self.request_id = request_id
