"""A leg's events in words, for the callback's story."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dialer.scenario.story import Story
from dialer.telephony import (
    Answered,
    Dtmf,
    Ended,
    FirstRtp,
    LegEnd,
    LegEvent,
    MediaUp,
    PlaybackFinished,
    PlaybackStarted,
    Progress,
    Redirected,
    Ringing,
    RtpStats,
    Trying,
)


@dataclass(frozen=True, slots=True)
class LegStory:
    """Tells the events of one leg.

    Attributes:
        who: "customer" or "agent …".
        leg: id of the leg.
    """

    story: Story
    who: str
    leg: str

    def tell(self, event: LegEvent) -> None:
        """Adds the event to the story; one that says nothing to a reader is kept without words."""
        kind, words = words_of_event(event)
        text = f"{self.who}: {words}" if words else ""
        facts = {"leg": self.leg, "who": self.who, "event": type(event).__name__, **facts_of_event(event)}
        self.story.given(kind, text, "event", **facts)
        if isinstance(event, Ended) and event.end.codec:
            self.story.given("media", f"{self.who}: {words_of_rtp(event.end.rtp)}", "figures")


def words_of_rtp(rtp: RtpStats) -> str:
    """A leg's audio in words; of one that stayed silent also what else there was to be seen."""
    if rtp.rx_packets:
        return (
            f"RTP {rtp.rx_packets} received, {rtp.loss_pct:.1f} % lost, "
            f"jitter {rtp.jitter_ms:.1f} ms, MOS {rtp.mos:.1f}"
        )
    return f"no RTP received, {rtp.tx_packets} packets sent, {rtp.foreign} of others dropped"


END_FACTS = (
    *("sip_status", "sip_reason", "q850", "ended_by", "cause", "local", "retry_after", "progress", "forwarded"),
    *("codec", "redirects"),
)
"""What a scenario may decide by when a leg has ended."""


def facts_of_event(event: LegEvent) -> dict[str, object]:
    """An event's fields as JSON holds them, without its time, which the step has, and without objects."""
    if isinstance(event, Ended):
        return {name: getattr(event.end, name) for name in END_FACTS}
    names = (name.name for name in fields(event) if name.name not in {"at", "leg"})
    return {name: getattr(event, name) for name in names}


def words_of_event(event: LegEvent) -> tuple[str, str]:
    """Kind of step and words for an event."""
    if isinstance(event, Ended):
        return "sip", words_of_end(event.end)
    if isinstance(event, MediaUp | FirstRtp | Dtmf | PlaybackStarted | PlaybackFinished):
        return "media", words_of_media(event)
    return "sip", words_of_signalling(event)


def words_of_signalling(event: LegEvent) -> str:
    """A signalling event in words; empty when it says nothing to a reader."""
    match event:
        case Trying():
            return "100 Trying"
        case Ringing(status=status):
            return f"{status} Ringing"
        case Progress(status=status, early_media=early_media):
            return f"{status} Session Progress" + (" with early media" if early_media else "")
        case Answered():
            return "200 OK, answered"
        case Redirected(target=target):
            return f"redirected to {target}"
        case _:
            return ""


def words_of_media(event: MediaUp | FirstRtp | Dtmf | PlaybackStarted | PlaybackFinished) -> str:
    """A media event in words."""
    match event:
        case MediaUp(codec=codec):
            return f"audio up, {codec}"
        case FirstRtp():
            return "first RTP packet"
        case Dtmf(digit=digit):
            return f"DTMF {digit}"
        case PlaybackStarted() | PlaybackFinished():
            return ""


def words_of_end(end: LegEnd) -> str:
    """How a leg ended, in words."""
    by = {"us": "by us", "far": "by the far side", "network": "by the network"}[end.ended_by]
    status = f"{end.sip_status} {end.sip_reason}".strip() if end.sip_status else end.cause
    cause = f", Q.850 {end.q850}" if end.q850 else ""
    return f"ended {by}: {status} ({end.cause}){cause}"
