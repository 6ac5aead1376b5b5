"""One call as pjsua2 sees it. Lives and dies on the SIP thread; the rest of the program has its Leg.

Imports pjsua2, so it is imported only when a user agent starts.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from dialer.telephony import joint, transfer
from dialer.telephony.director import director
from dialer.telephony.ending import Q850_OF_CAUSE, STATUS_OF_CAUSE, EndedBy, RtpStats, cause_of_status, rtp_stats
from dialer.telephony.event import (
    Answered,
    Dtmf,
    FirstRtp,
    Held,
    MediaUp,
    Progress,
    Redirected,
    Retrieved,
    Ringing,
    TransferProgress,
    Trying,
)
from dialer.telephony.facts import LegFacts
from dialer.telephony.sip_message import SipMessage, clean_header, parse

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine
    from dialer.telephony.leg import Leg
    from dialer.telephony.sip_thread import Timer

log = logging.getLogger(__name__)

END_PATIENCE_S = 4.0  # a far end that does not answer BYE or CANCEL ends its leg after this
TOO_MANY = 70010  # PJ_ETOOMANY, pj/errno.h
DTMF_IS_UPDATE = 1  # pjmedia/stream.h, PJMEDIA_STREAM_DTMF_IS_UPDATE; not among the symbols that SWIG is given


class SipCall(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """A call.

    Args:
        engine: who owns it.
        account: pjsua2 account it belongs to.
        leg: its face on the event loop.
        call_id: pjsua's number of a call that came in; -1 for one to be placed.
    """

    def __init__(self, engine: Engine, account: Any, leg: Leg, call_id: int = -1) -> None:
        super().__init__(account, call_id)
        self.engine = engine
        self.account = account
        self.leg = leg
        self.facts: LegFacts = leg.facts
        self.audio = pj.LegAudio(engine.bank, engine.bell, leg.key, not engine.settings.send_silence)
        self.peers: list[SipCall] = []  # with whom it is joined
        self.media_state: int | None = None
        self.answered = False
        self.over = False
        self.redirects_left = engine.settings.max_redirects
        self.ring_timeout_s: float | None = None
        self.progressed = False
        self.rtp_since = 0.0  # loss of RTP counts from here: the answer, or the end of a hold
        self.partner: Leg | None = None  # beside whom it takes its place when answered, after a transfer; else None
        self.replaces: Leg | None = None  # whose place that is
        self.followers: list[Leg] = []  # those that are there for this one's sake and that nobody else owns
        self.overdue: Timer | None = None
        self.farewell: SipMessage | None = None  # the far end's BYE or CANCEL

    # --- commands ---

    def place(self, uri: str, prm: Any) -> None:
        """Sends the INVITE; raises pjsua2's Error when it cannot be sent."""
        self.makeCall(uri, prm)
        self.facts.mark("invite")

    def respond(self, status: int, *, headers: list[tuple[str, str]] | None = None, reason: str = "") -> None:
        """Sends a response to the INVITE that came in."""
        prm = pj.CallOpParam()
        prm.statusCode = status
        prm.reason = reason
        add_headers(prm.txOption, headers or [])
        self.engine.no_extra_media(prm)
        self.answer(prm)

    def end(
        self, cause: str, *, status: int = 0, q850: int | None = None, headers: list[tuple[str, str]] | None = None
    ) -> None:
        """Hangs up, cancels or refuses, whatever the state asks for."""
        if self.over or self.facts.cause is not None:
            return
        self.facts.cause = cause
        prm = pj.CallOpParam()
        prm.statusCode = status or STATUS_OF_CAUSE.get(cause, 0)
        code = q850 if q850 is not None else Q850_OF_CAUSE.get(cause)
        add_headers(prm.txOption, headers or [])
        if code is not None:
            add_headers(prm.txOption, [("Reason", f"Q.850;cause={code}")])
        self.audio.stop(0)
        self.overdue = self.engine.thread.after(END_PATIENCE_S, self._give_up)
        try:
            self.hangup(prm)
        except pj.Error as fault:
            log.warning("hangup of %r failed: %s", self.leg, fault.info())
            self.finish("us", cause, local=True)

    def _give_up(self) -> None:
        """The far end did not confirm its end: the leg ends, the library goes on trying."""
        self.finish("us", self.facts.cause or "normal", local=True)

    def failed(self) -> None:
        """An error of ours happened on this call: it is ended, so that it is not left half known."""
        self.engine.end_soon(self.leg, "failure")

    # --- what the library reports ---

    @director
    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """Answers to our INVITE, and what ends the call from the far side."""
        event = prm.e.body.tsxState
        if event.type != pj.PJSIP_EVENT_RX_MSG:
            return
        raw = event.src.rdata.wholeMsg
        if raw.startswith(("BYE ", "CANCEL ")):
            self.farewell = parse(raw)
        elif raw.startswith("SIP/2.0") and raw[8:11] not in {"401", "407"}:
            message = parse(raw)
            if message.method == "INVITE" and not self.answered:
                self._response(message)

    def _response(self, message: SipMessage) -> None:
        facts, now = self.facts, time.monotonic()
        facts.forwarded |= message.forwarded
        early = message.has_sdp
        if message.status == 100:
            facts.mark("trying", now)
            facts.advance("trying")
            self.tell(Trying(now))
        elif message.status in {180, 181}:
            facts.mark("ringing", now)
            facts.advance("ringing")
            self.tell(Ringing(now, message.status, early, message.forwarded))
        elif message.status < 200:
            facts.advance("session_progress")
            self.tell(Progress(now, message.status, early, message.forwarded))
        if early and message.status < 200:
            facts.mark("early_media", now)
        if 100 < message.status < 200 and not self.progressed:
            self.progressed = True
            self.engine.setup_timers.progressed(self)

    @director
    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Answer and end."""
        brief = pj.call_brief(self.getId())
        if brief.state == pj.PJSIP_INV_STATE_CONFIRMED and not self.answered:
            self.answered = True
            self.facts.status, self.facts.reason = 200, "OK"
            self.rtp_since = self.facts.mark("answer")
            self.tell(Answered(self.rtp_since, self.facts.forwarded))
            self.engine.answered(self)
        elif brief.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._disconnected(prm.e, brief)

    def _disconnected(self, event: Any, brief: Any) -> None:
        message = received(event) or self.farewell
        if message is not None:
            self.facts.q850 = message.q850 if message.q850 is not None else self.facts.q850
            self.facts.retry_after = message.retry_after
            self.facts.forwarded |= message.forwarded
            self.facts.headers = message.headers
        if not self.answered:
            self.facts.status, self.facts.reason = brief.status or None, brief.reason
        ended_by, cause, local = self._who_and_why(message, brief.status, brief.reason)
        self.finish(ended_by, cause, local=local)
        self.engine.let_go(self)

    def _who_and_why(self, message: SipMessage | None, status: int, reason: str) -> tuple[EndedBy, str, bool]:
        """Who ended the call, one word why, and whether no far end had a say in it."""
        if self.facts.cause is not None:
            return "us", self.facts.cause, False
        if message is None:
            return "network", "timeout" if status == 408 else fault_word(0, reason), not self.answered
        if message.status:
            too_often = 300 <= message.status < 400 and self.facts.redirects and self.redirects_left <= 0
            return "far", "redirect_limit" if too_often else cause_of_status(message.status), False
        return "far", "cancelled" if message.method == "CANCEL" else "normal", False

    @director
    def onStreamCreated(self, prm: Any) -> None:  # noqa: N802
        """Puts our port between the stream and the bridge."""
        tapped = self.audio.attach(prm)
        self.facts.row = self.audio.row() if tapped else None
        self.facts.start = self.audio.start() * 160
        self.facts.codec = self.audio.codec()

    @director
    def onStreamDestroyed(self, prm: Any) -> None:  # noqa: N802
        """Keeps the stream's figures."""
        self.audio.detach(prm)

    @director
    def onCallMediaState(self, _prm: Any) -> None:  # noqa: N802
        """Audio came up, changed, or was put on hold."""
        state = pj.call_brief(self.getId()).media_status
        self.engine.drain.feed(self.getId())
        joint.rejoin(self)
        if state != self.media_state:
            before, self.media_state = self.media_state, state
            self._media_changed(before, state)

    def _media_changed(self, before: int | None, state: int) -> None:
        now = time.monotonic()
        held = {pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "us", pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "far"}
        if state in held:
            self.facts.held_by = "us" if held[state] == "us" else "far"
            self.tell(Held(now, self.facts.held_by))
        elif state == pj.PJSUA_CALL_MEDIA_ACTIVE:
            self.facts.held_by = None
            self.rtp_since = now
            self.tell(
                Retrieved(now) if before in held else MediaUp(now, self.facts.row, self.facts.start, self.facts.codec)
            )

    @director
    def onDtmfEvent(self, prm: Any) -> None:  # noqa: N802
        """A digit; updates of the same digit are one."""
        if prm.flags & DTMF_IS_UPDATE:
            return
        method = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc4733"
        self.tell(Dtmf(time.monotonic(), prm.digit, method))  # type: ignore[arg-type]
        joint.pass_digit(self, prm.digit)

    @director
    def onCallRedirected(self, prm: Any) -> Any:  # noqa: N802
        """Follows a 3xx, up to the limit."""
        if self.redirects_left <= 0:
            return pj.PJSIP_REDIRECT_STOP
        self.redirects_left -= 1
        self.facts.redirects += (prm.targetUri,)
        self.tell(Redirected(time.monotonic(), prm.targetUri))
        return pj.PJSIP_REDIRECT_ACCEPT_REPLACE

    @director
    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """The far end asks us by REFER to call somebody else."""
        transfer.requested(self.engine, self, prm)

    @director
    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802
        """How the transfer that we asked for goes."""
        self.tell(TransferProgress(time.monotonic(), prm.statusCode, prm.reason, prm.finalNotify))
        if prm.finalNotify:
            prm.cont = False
            if 200 <= prm.statusCode < 300:
                self.engine.end_soon(self.leg, "transferred")

    @director
    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Somebody takes this call's place (INVITE with Replaces)."""
        transfer.replaced(self.engine, self, prm)

    # --- what comes of it ---

    @property
    def expects_rtp(self) -> bool:
        """True while the far end should be sending: answered, not over, tapped, and not on hold."""
        return self.answered and not self.over and self.facts.row is not None and self.facts.held_by is None

    def first_rtp(self, at: float) -> None:
        """The first RTP packet came."""
        self.facts.mark("first_rtp", at)
        self.tell(FirstRtp(at))

    def tell(self, event: Any) -> None:
        """Hands an event to the leg."""
        self.engine.thread.tell(self.leg.take, event)

    def rtp(self) -> RtpStats:
        """Gives the figures so far."""
        f = self.audio.figures()
        stats = rtp_stats(
            f.rx_packets, f.rx_lost, f.buffer_discarded, f.rx_jitter_ms, f.tx_packets, f.tx_lost, f.round_trip_ms
        )
        return replace(stats, foreign=f.foreign)

    def finish(self, ended_by: EndedBy, cause: str, *, local: bool) -> None:
        """Ends the leg, once; the call itself is buried when the library has let go of it."""
        if self.over:
            return
        self.over = True
        joint.part(self)
        for follower in self.followers:
            self.engine.end_soon(follower, "normal")
        self.audio.stop(0)
        end = self.facts.finish(ended_by, cause, self.rtp(), local=local)
        self.engine.ended(self, end)


def received(event: Any) -> SipMessage | None:
    """Gives the message that an event came by, None when it was a timer or a transport."""
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        state = event.body.tsxState
        raw = state.src.rdata.wholeMsg if state.type == pj.PJSIP_EVENT_RX_MSG else ""
    else:
        raw = event.body.rxMsg.rdata.wholeMsg if event.type == pj.PJSIP_EVENT_RX_MSG else ""
    return parse(raw) if raw else None


def add_headers(option: Any, headers: list[tuple[str, str]]) -> None:
    """Adds headers to a message to be sent."""
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, clean_header(value)
        option.headers.push_back(header)


def fault_word(status: int, reason: str) -> str:
    """Gives the word for why the library could not reach anybody: its error number, or its text."""
    if status == TOO_MANY:
        return "no_channel"
    if "URI" in reason or "Invalid" in reason:
        return "malformed"
    return "dns" if "RESOLVE" in reason or "gethostbyname" in reason else "transport"
