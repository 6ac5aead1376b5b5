"""The use cases: create, query, get, cancel. Every door goes through here, so every rule holds everywhere.

User data is stored and handed back; it is never written to a log.
"""

from dialer.booking.booking import Booking
from dialer.booking.query import operand_of
from dialer.booking.refused import (
    AlreadyQueued,
    BadDesiredTime,
    BadParameter,
    InvalidNumber,
    InvalidState,
    MissingKey,
    NoNumberFree,
    NotFound,
    QueueFull,
    Refused,
    Throttled,
    Unavailable,
    UnknownGroup,
    UnknownService,
)
from dialer.booking.request import CreateRequest

__all__ = [
    "AlreadyQueued",
    "BadDesiredTime",
    "BadParameter",
    "Booking",
    "CreateRequest",
    "InvalidNumber",
    "InvalidState",
    "MissingKey",
    "NoNumberFree",
    "NotFound",
    "QueueFull",
    "Refused",
    "Throttled",
    "Unavailable",
    "UnknownGroup",
    "UnknownService",
    "operand_of",
]
