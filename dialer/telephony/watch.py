"""What the SIP thread looks after between the library's events: news from the clock thread, and RTP that has ceased."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dialer.telephony.event import PlaybackFinished, PlaybackStarted

if TYPE_CHECKING:
    from dialer.telephony.sip_call import SipCall
    from dialer.telephony.tap import TapView

EVENT_BATCH = 1024
EVENT_WORDS = 4
FIRST_RTP, PLAY_STARTED, PLAY_FINISHED = 1, 2, 3  # tap_bank.hpp, AudioEventKind


class Watch:
    """Looks after calls; used on the SIP thread only.

    Args:
        bank: pjsua2.TapBank, where the clock thread leaves its news.
        taps: the same, for its figures.
        calls: those that are up, by the key of their leg.
        rtp_timeout_s: how long an answered leg may be without RTP; 0 = for ever.
    """

    def __init__(self, bank: Any, taps: TapView, calls: Mapping[int, SipCall], rtp_timeout_s: float) -> None:
        self._bank = bank
        self._taps = taps
        self._calls = calls
        self._rtp_timeout_s = rtp_timeout_s
        self._events = (ctypes.c_uint64 * (EVENT_WORDS * EVENT_BATCH))()

    def tell_audio_events(self) -> None:
        """Tells the legs what happened to their audio."""
        count = self._bank.drain(ctypes.addressof(self._events), EVENT_BATCH)
        for place in range(0, EVENT_WORDS * count, EVENT_WORDS):
            kind, key, ticket, at_ns = self._events[place : place + EVENT_WORDS]
            call = self._calls.get(key)
            if call is not None and not call.over:
                self._tell(call, kind, ticket, at_ns / 1e9)

    @staticmethod
    def _tell(call: SipCall, kind: int, ticket: int, at: float) -> None:
        if kind == FIRST_RTP:
            call.first_rtp(at)
        elif kind == PLAY_STARTED:
            call.tell(PlaybackStarted(at, ticket))
        elif kind == PLAY_FINISHED:
            call.tell(PlaybackFinished(at, ticket, complete=True))

    def without_rtp(self) -> list[SipCall]:
        """Gives the answered calls, not on hold, whose RTP came and has ceased for longer than the limit."""
        talking = [call for call in self._calls.values() if call.expects_rtp]
        if not self._rtp_timeout_s or not talking:
            return []
        last_ns = self._taps.figures()[:, 1]
        now = time.monotonic()
        return [call for call in talking if self._ceased(call, float(last_ns[call.facts.row]) / 1e9, now)]

    def _ceased(self, call: SipCall, last: float, now: float) -> bool:
        return bool(last) and now - max(last, call.rtp_since) > self._rtp_timeout_s
