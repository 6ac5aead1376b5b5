"""Call-in requests: an access number, and perhaps a code, handed out to somebody who is going to call us.

Source: spec records section 12, options section 9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class CallInState(StrEnum):
    """What became of a call-in request. Only ACTIVE ones match."""

    ACTIVE = "ACTIVE"
    MATCHED = "MATCHED"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInRequest:
    """One call-in request.

    Attributes:
        id: uuid.
        service: the service that it was booked for; its queue and target route the call when there is no callback.
        group: the call-in group that the number is of.
        to_number: the number to call (DNIS), as configured.
        description: what the group says of that number.
        access_code: digits to enter; None when the group has no codes.
        from_number: the number that the customer said to call from; None when unknown.
        callback_id: the callback that waits for this call; None for a Click-To-Call-In without one.
        unique_dnis: the number is nobody else's while this is ACTIVE.
        ani: the number that really called.
        attempts: failed matches.
    """

    id: str
    state: CallInState = CallInState.ACTIVE
    service: str = ""
    group: str
    to_number: str
    description: str = ""
    access_code: str | None = None
    from_number: str | None = None
    callback_id: str | None = None
    user_data: Mapping[str, Any] = field(default_factory=dict)
    unique_dnis: bool = False
    created_at: datetime
    expires_at: datetime
    matched_at: datetime | None = None
    completed_at: datetime | None = None
    ani: str | None = None
    attempts: int = 0

    def access(self) -> dict[str, Any]:
        """What the callback's record keeps of it (`Callback.access`)."""
        kept: dict[str, Any] = {
            "request": self.id,
            "number": self.to_number,
            "expires_at": self.expires_at.isoformat(timespec="milliseconds"),
        }
        return kept | ({"code": self.access_code} if self.access_code else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWish:
    """What is asked of a call-in group: one of its numbers for a time.

    Attributes:
        numbers: the group's numbers with their descriptions, in the group's order.
        code_length: digits of the code; 0 = no code.
        expiry_s: how long the request is good for.
    """

    group: str
    numbers: Mapping[str, str]
    code_length: int
    expiry_s: float
    unique_dnis: bool = False
    service: str = ""
    from_number: str | None = None
    callback_id: str | None = None
    user_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInClue:
    """What is known of somebody who calls in.

    Attributes:
        dnis: the number that was called; compared with and without its "+".
        ani: E.164 of the caller; None when withheld.
        code: digits that were entered; None when none were.
    """

    dnis: str | None = None
    ani: str | None = None
    code: str | None = None


CRITERIA = ("access_code", "dnis", "ani")
"""What a call may be matched by (options section 9, checklist E-219)."""


def fits(request: CallInRequest, clue: CallInClue, criteria: Sequence[str]) -> bool:
    """Whether a call is the one that was announced: all criteria hold that the request has.

    Args:
        request: an active request.
        clue: what is known of the call.
        criteria: of `CRITERIA`; at least one must be one that the request has.
    """
    checks = {
        "access_code": (request.access_code, clue.code),
        "dnis": (bare(request.to_number), bare(clue.dnis)),
        "ani": (bare(request.from_number), bare(clue.ani)),
    }
    compared = [checks[name] for name in criteria if checks[name][0]]
    return bool(compared) and all(wanted == given for wanted, given in compared)


def tells_apart(request: CallInRequest, criteria: Sequence[str]) -> bool:
    """Whether the criteria name this request among those of its number: by code, caller, or a number of its own."""
    return bool(
        ("access_code" in criteria and request.access_code)
        or ("ani" in criteria and request.from_number)
        or ("dnis" in criteria and request.unique_dnis)
    )


def bare(number: str | None) -> str | None:
    """A number without "+" and blanks, as numbers are compared."""
    return number.replace("+", "").replace(" ", "") if number else None
