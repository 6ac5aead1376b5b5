"""A leg's events in words, for the callback's story."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.scenario.story import Story
from dialer.telephony import (
    Answered,
    Dtmf,
    Ended,
    FirstRtp,
    LegEnd,
    LegEvent,
    MediaUp,
    Progress,
    Redirected,
    Ringing,
    Trying,
)


@dataclass(frozen=True, slots=True)
class LegStory:
    """Tells the events of one leg.

    Attributes:
        who: "customer" or "agent …".
    """

    story: Story
    who: str

    def tell(self, event: LegEvent) -> None:
        """Adds the event to the story if it says something to a reader."""
        if isinstance(event, Ended):
            self._ended(event.end)
        elif isinstance(event, MediaUp | FirstRtp | Dtmf):
            self._media(words_of_media(event))
        elif words := words_of_signalling(event):
            self._sip(words)

    def _ended(self, end: LegEnd) -> None:
        self._sip(words_of_end(end), sip_status=end.sip_status, q850=end.q850, ended_by=end.ended_by)
        if end.rtp.rx_packets:
            self._media(
                f"RTP {end.rtp.rx_packets} received, {end.rtp.loss_pct:.1f} % lost, "
                f"jitter {end.rtp.jitter_ms:.1f} ms, MOS {end.rtp.mos:.1f}"
            )

    def _sip(self, text: str, **data: object) -> None:
        self.story.tell("sip", f"{self.who}: {text}", **data)

    def _media(self, text: str, **data: object) -> None:
        self.story.tell("media", f"{self.who}: {text}", **data)


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


def words_of_media(event: MediaUp | FirstRtp | Dtmf) -> str:
    """A media event in words."""
    match event:
        case MediaUp(codec=codec):
            return f"audio up, {codec}"
        case FirstRtp():
            return "first RTP packet"
        case Dtmf(digit=digit):
            return f"DTMF {digit}"


def words_of_end(end: LegEnd) -> str:
    """How a leg ended, in words."""
    by = {"us": "by us", "far": "by the far side", "network": "by the network"}[end.ended_by]
    status = f"{end.sip_status} {end.sip_reason}".strip() if end.sip_status else end.cause
    cause = f", Q.850 {end.q850}" if end.q850 else ""
    return f"ended {by}: {status} ({end.cause}){cause}"
