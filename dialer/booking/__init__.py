"""The use cases: create, query, get, cancel. Every door goes through here, so every rule holds everywhere.

User data is stored and handed back; it is never written to a log.
"""

from dialer.booking.access import open_call_ins
from dialer.booking.booking import Booking
from dialer.booking.customer_answer import CustomerAnswers
from dialer.booking.pause import PauseBook, Pausing
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
from dialer.booking.reschedule import Rescheduling
from dialer.booking.shown import v1_record
from dialer.booking.snooze import can_snooze, snoozed_until
from dialer.booking.step import take_step

__all__ = [
    "AlreadyQueued",
    "BadDesiredTime",
    "BadParameter",
    "Booking",
    "CreateRequest",
    "CustomerAnswers",
    "InvalidNumber",
    "InvalidState",
    "MissingKey",
    "NoNumberFree",
    "NotFound",
    "PauseBook",
    "Pausing",
    "QueueFull",
    "Refused",
    "Rescheduling",
    "Throttled",
    "Unavailable",
    "UnknownGroup",
    "UnknownService",
    "can_snooze",
    "open_call_ins",
    "operand_of",
    "snoozed_until",
    "take_step",
    "v1_record",
]
