"""What is known of a leg while it lives. Written by the SIP thread alone; others read single immutable values."""

from __future__ import annotations

import time
from typing import Literal

from dialer.telephony.ending import EndedBy, LegEnd, LegTimes, Moment, ProgressWord, RtpStats, moment

PROGRESS_ORDER: tuple[ProgressWord, ...] = ("none", "trying", "session_progress", "ringing")


class LegFacts:
    """Facts of one leg."""

    __slots__ = (
        "cause",
        "codec",
        "end",
        "forwarded",
        "headers",
        "held_by",
        "progress",
        "q850",
        "reason",
        "redirects",
        "retry_after",
        "row",
        "start",
        "status",
        "times",
    )

    def __init__(self) -> None:
        self.times = LegTimes()
        self.progress: ProgressWord = "none"
        self.forwarded = False
        self.redirects: tuple[str, ...] = ()
        self.codec = ""
        self.row: int | None = None
        self.start = 0
        self.held_by: Literal["us", "far"] | None = None
        self.cause: str | None = None  # set when we hang up
        self.status: int | None = None
        self.reason = ""
        self.q850: int | None = None
        self.retry_after: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.end: LegEnd | None = None

    def mark(self, name: str, at: float | None = None) -> float:
        """Notes that something happened (the first time counts); gives its monotonic time."""
        now = time.monotonic()
        at = now if at is None else at
        self.times = self.times.with_first(name, moment(at, now, time.time()))
        return at

    def advance(self, progress: ProgressWord) -> None:
        """Notes how far the setup came; it never goes back."""
        if PROGRESS_ORDER.index(progress) > PROGRESS_ORDER.index(self.progress):
            self.progress = progress

    def finish(self, ended_by: EndedBy, cause: str, rtp: RtpStats, *, local: bool) -> LegEnd:
        """Makes the leg's end from all that is known."""
        self.mark("end")
        self.end = LegEnd(
            sip_status=self.status,
            sip_reason=self.reason,
            q850=self.q850,
            ended_by=ended_by,
            cause=cause,
            local=local,
            retry_after=self.retry_after,
            times=self.times,
            progress=self.progress,
            forwarded=self.forwarded,
            rtp=rtp,
            codec=self.codec,
            redirects=self.redirects,
            headers=self.headers,
        )
        return self.end

    def at(self, name: str) -> Moment | None:
        """When something happened."""
        found = getattr(self.times, name)
        return found if isinstance(found, Moment) else None
