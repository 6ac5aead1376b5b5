"""The closed list of what can happen to a leg, in past tense. Events are values; the same ones reach every observer.

Each carries `at`, seconds of time.monotonic() when it happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dialer.telephony.ending import LegEnd

if TYPE_CHECKING:
    from dialer.telephony.leg import Leg


@dataclass(frozen=True, slots=True)
class Trying:
    """100 came."""

    at: float


@dataclass(frozen=True, slots=True)
class Ringing:
    """180 or 181 came. `forwarded`: it was 181, or named a diversion."""

    at: float
    status: int = 180
    early_media: bool = False
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Another 18x came; `early_media`: with a session description; `forwarded`: it named a diversion."""

    at: float
    status: int = 183
    early_media: bool = False
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """200 came, or we sent it and it was acknowledged. `forwarded`: this or an earlier response named a diversion."""

    at: float
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class MediaUp:
    """Audio flows, for the first time or again.

    Attributes:
        tap_row: row of the tap; None when all rows were in use.
        tap_start: first sample of this leg in its row.
        codec: "PCMU/8000".
    """

    at: float
    tap_row: int | None
    tap_start: int
    codec: str


@dataclass(frozen=True, slots=True)
class FirstRtp:
    """The first RTP packet came."""

    at: float


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A digit came, by RFC 4733 or INFO."""

    at: float
    digit: str
    method: Literal["rfc4733", "info"] = "rfc4733"


@dataclass(frozen=True, slots=True)
class Held:
    """The leg is on hold."""

    at: float
    by: Literal["us", "far"] = "far"


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The leg is off hold."""

    at: float


@dataclass(frozen=True, slots=True)
class Redirected:
    """A 3xx was followed to `target`."""

    at: float
    target: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """The far end asked for a transfer (REFER) or was replaced (Replaces); `leg` is the new party."""

    at: float
    target: str
    leg: Leg | None = None


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What the far end says about the transfer that we asked for."""

    at: float
    status: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of a playback was sent."""

    at: float
    ticket: int


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A playback is over; `complete`: it was played to its end, not stopped."""

    at: float
    ticket: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The leg is over. Always the last event, exactly once."""

    at: float
    end: LegEnd


LegEvent = (
    Trying
    | Ringing
    | Progress
    | Answered
    | MediaUp
    | FirstRtp
    | Dtmf
    | Held
    | Retrieved
    | Redirected
    | Transferred
    | TransferProgress
    | PlaybackStarted
    | PlaybackFinished
    | Ended
)
