"""Push messages to customers' devices, and what came of each. Pure values.

Source: spec API section 4; dial results of records section 7.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dialer.callback.call_result import DialResult
from dialer.callback.record import Callback


class PushEvent(StrEnum):
    """What a device is told."""

    UPCOMING = "CALLBACK_UPCOMING"
    READY = "CALLBACK_READY"
    CALL_IN_DETAILS = "CALL_IN_DETAILS"
    ATTEMPT_FAILED = "CALLBACK_ATTEMPT_FAILED"
    FINAL_ATTEMPT_FAILED = "CALLBACK_FINAL_ATTEMPT_FAILED"
    PURGED = "CALLBACK_PURGED"
    CONFIRM = "CALLBACK_CONFIRM"


class Answer(StrEnum):
    """What the customer says to the question whether now is a good time."""

    YES = "yes"
    NO = "no"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class PushTarget:
    """One device of a customer.

    Attributes:
        channel: FCM or HTTP.
        target: registration token, or what the HTTP channel's receiver knows the device by.
        name: of the configured HTTP channel; for the first generation the device's operating system.
    """

    channel: str
    target: str
    name: str = ""

    @classmethod
    def of(cls, callback: Callback) -> tuple["PushTarget", ...]:
        """The devices of a callback's customer."""
        return tuple(_target(entry) for entry in callback.push_targets if entry.get("target"))


def _target(entry: Mapping[str, Any]) -> PushTarget:
    return PushTarget(str(entry.get("channel") or "FCM").upper(), str(entry["target"]), str(entry.get("name") or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRecord:
    """One message as it is kept.

    Attributes:
        id: `pushId`, by which the device acknowledges.
        token_digest: of the one-time token of a question; None when nothing is asked.
        tries: deliveries tried so far.
        accepted: whether a provider took it; None while that is being tried.
        detail: what the provider said last.
        acked_at: when the device acknowledged.
        answer, answered_at: what the customer answered, and when.
    """

    id: str
    callback_id: str
    event: str
    created_at: datetime
    token_digest: str | None = None
    tries: int = 0
    accepted: bool | None = None
    detail: str = ""
    sent_at: datetime | None = None
    acked_at: datetime | None = None
    answer: Answer | None = None
    answered_at: datetime | None = None

    @property
    def dial_result(self) -> DialResult:
        """How it counts where a push stands in for a dial (records section 7)."""
        if not self.accepted:
            return DialResult.PUSH_SEND_ERROR
        return DialResult.PUSH_DELIVERY_CONFIRMED if self.acked_at else DialResult.PUSH_DELIVERY_NOT_CONFIRMED


def token_digest(token: str) -> str:
    """What is kept of a one-time token: whoever reads the store cannot answer for a customer."""
    return hashlib.sha256(token.encode()).hexdigest()
