"""How a leg ended, as one value: who ended it, one word why, when everything happened, and how the audio was."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

EndedBy = Literal["us", "far", "network"]
ProgressWord = Literal["none", "trying", "session_progress", "ringing"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: seconds of time.monotonic() and aware UTC wall time."""

    mono: float
    wall: datetime


def moment(mono: float, now_mono: float, now_wall: float) -> Moment:
    """Makes the moment that lies at `mono` seconds, seen from now."""
    return Moment(mono, datetime.fromtimestamp(now_wall - (now_mono - mono), UTC))


@dataclass(frozen=True, slots=True)
class LegTimes:
    """When what happened; None = it did not.

    Attributes:
        invite: the INVITE was handed to the transport (or came in).
        ringing: first 180 or 181.
        early_media: first 18x with a session description.
        first_rtp: arrival of the first RTP packet.
    """

    invite: Moment | None = None
    trying: Moment | None = None
    ringing: Moment | None = None
    early_media: Moment | None = None
    answer: Moment | None = None
    first_rtp: Moment | None = None
    end: Moment | None = None

    def with_first(self, name: str, at: Moment) -> LegTimes:
        """Gives these times with `name` set, unless it is set already."""
        return self if getattr(self, name) is not None else replace(self, **{name: at})


@dataclass(frozen=True, slots=True)
class RtpStats:
    """Figures of a leg's audio.

    Attributes:
        rx_lost: packets that never came, of those sent by the far end.
        discarded: packets that came too late for the jitter buffer.
        jitter_ms: mean interarrival jitter, RFC 3550.
        foreign: packets dropped, as they came from somebody else than the far end.
        mos: estimate by the E-model for G.711, 1.0 to 4.5; 0 when nothing was received.
    """

    rx_packets: int = 0
    rx_lost: int = 0
    loss_pct: float = 0.0
    jitter_ms: float = 0.0
    mos: float = 0.0
    tx_packets: int = 0
    tx_lost: int = 0
    round_trip_ms: float = 0.0
    discarded: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class LegEnd:
    """How a leg ended.

    Attributes:
        sip_status: final status of the INVITE, 200 for an answered call; None when none was received or sent.
        q850: cause of the far end's Reason header (Q.850), None without.
        ended_by: "us", "far", or "network" (a transport or timer of ours gave up).
        cause: one word: what the far end said, or what hangup() was told.
        local: no far end decided this: the call could not be placed, or a timer or transport failed.
        retry_after: seconds of Retry-After, None without.
        progress: how far the call setup came.
        forwarded: the far end said that the call was forwarded (181, History-Info or Diversion).
    """

    sip_status: int | None
    sip_reason: str
    q850: int | None
    ended_by: EndedBy
    cause: str
    local: bool
    retry_after: int | None
    times: LegTimes
    progress: ProgressWord
    forwarded: bool
    rtp: RtpStats
    codec: str
    redirects: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


CAUSE_OF_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    407: "unauthorized",
    408: "timeout",
    410: "gone",
    480: "unavailable",
    484: "malformed",
    486: "busy",
    487: "cancelled",
    488: "not_acceptable",
    500: "failure",
    503: "unavailable",
    600: "busy",
    603: "rejected",
    604: "not_found",
    606: "not_acceptable",
    607: "rejected",
    608: "rejected",
}
"""The word for a final status, RFC 3261 section 21, RFC 8197 and RFC 8688; other statuses go by their class."""

STATUS_OF_CAUSE = {
    "normal": 0,
    "busy": 486,
    "rejected": 603,
    "no_answer": 480,
    "unavailable": 480,
    "not_found": 404,
    "forbidden": 403,
    "failure": 500,
    "no_channel": 503,
    "not_acceptable": 488,
}
"""What an unanswered incoming call is refused with; 0 = 603. A call that we placed is cancelled whatever the word."""

Q850_OF_CAUSE = {
    "normal": 16,
    "busy": 17,
    "no_answer": 19,
    "rejected": 21,
    "not_found": 1,
    "unavailable": 20,
    "failure": 41,
    "no_channel": 34,
    "rtp_timeout": 41,
}
"""ITU-T Q.850 causes sent in Reason when hangup() is told no other."""

# E-model for G.711 with loss concealment: R0 - Is = 93.2 (ITU-T G.107), Bpl = 25.1 with Ie = 0 (G.113 Table I.4).
R_BEST = 93.2
BPL_G711_PLC = 25.1
FRAME_MS = 20.0


def cause_of_status(status: int) -> str:
    """Gives the word for a final SIP status."""
    if status in CAUSE_OF_STATUS:
        return CAUSE_OF_STATUS[status]
    if 300 <= status < 400:
        return "redirect"
    return "rejected" if status >= 600 else "failure"


def mos_estimate(loss_pct: float, delay_ms: float) -> float:
    """Estimates the mean opinion score of one direction.

    Args:
        loss_pct: packets lost, late ones included, in percent, taken as random.
        delay_ms: mouth to ear, one way.

    Returns:
        1.0 to 4.5. Source: ITU-T G.107 (simplified Id), G.107 Annex B for R to MOS.
    """
    delay_impairment = 0.024 * delay_ms + (0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0)
    loss_impairment = 95.0 * loss_pct / (loss_pct + BPL_G711_PLC)
    rating = R_BEST - delay_impairment - loss_impairment
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


def rtp_stats(
    rx_packets: int, rx_lost: int, discarded: int, jitter_ms: float, tx_packets: int, tx_lost: int, round_trip_ms: float
) -> RtpStats:
    """Makes the figures, with loss in percent and the MOS estimate."""
    expected = rx_packets + rx_lost
    loss_pct = 100.0 * (rx_lost + discarded) / expected if expected else 0.0
    delay_ms = round_trip_ms / 2 + FRAME_MS + 2 * jitter_ms
    mos = round(mos_estimate(min(loss_pct, 100.0), delay_ms), 2) if rx_packets else 0.0
    return RtpStats(
        rx_packets,
        rx_lost,
        round(100.0 * rx_lost / expected, 3) if expected else 0.0,
        round(jitter_ms, 2) if math.isfinite(jitter_ms) else 0.0,
        mos,
        tx_packets,
        tx_lost,
        round_trip_ms,
        discarded,
    )
