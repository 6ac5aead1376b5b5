"""Why a request is not carried out, in the words of the APIs (api.md §2.1, §2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from dialer.callback.errors import DialerError


class Refused(DialerError):  # noqa: N818 - it is a refusal, not a fault
    """The request is not carried out.

    Attributes:
        http_status: HTTP status of the answer.
        exception: class name in the answer, e.g. "InvalidNumber".
        phrase: the same in upper snake case, e.g. "INVALID_NUMBER".
        message: what is wrong, for the client; never contains user data.
        retry_after_s: when it may be tried again; None if that does not help.
        availability: free places by slot start, for `OutOfOfficeHours` and `NoCapacity`.
    """

    http_status: ClassVar[int] = 400

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after_s: int | None = None,
        availability: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = str(self)
        self.retry_after_s = retry_after_s
        self.availability = availability

    @property
    def exception(self) -> str:
        """Class name in the answer."""
        return type(self).__name__

    @property
    def phrase(self) -> str:
        """The class name in upper snake case."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.exception).upper()


class UnknownService(Refused):
    """There is no such service, or it is disabled."""

    http_status = 404


class NotFound(Refused):
    """There is no callback with this id."""

    http_status = 404


class BadParameter(Refused):
    """A parameter cannot be used."""


class MissingKey(Refused):
    """A mandatory key is missing."""


class InvalidNumber(Refused):
    """The number cannot be called."""


class BadDesiredTime(Refused):
    """The desired time cannot be used."""


class Throttled(Refused):
    """There were too many requests."""

    http_status = 429


class QueueFull(Refused):
    """The service has as many open callbacks as it may have."""

    http_status = 429


class AlreadyQueued(Refused):
    """The number is waiting for a callback already."""

    http_status = 409


class InvalidState(Refused):
    """The callback's state does not allow it."""

    http_status = 409


class Unavailable(Refused):
    """The callback store does not answer; nothing was changed."""

    http_status = 503


class NoNumberFree(Refused):
    """No access number of the call-in group is free."""

    http_status = 409


class UnknownGroup(Refused):
    """There is no such call-in group."""
