"""The SIP side as one object: what legs and the user agent ask of it, and what the library reports to it.

Methods marked "loop" run on the event loop, all others on the SIP thread. Imports pjsua2, so it is imported only when a
user agent starts.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pjsua2 as pj
from numpy.typing import NDArray

from dialer.telephony import joint, transfer
from dialer.telephony.call_recording import CallRecording
from dialer.telephony.channels import Channels
from dialer.telephony.dialing import DialRequest, from_uri, next_hop, safe_headers, target_uri
from dialer.telephony.dialog_info import PhoneState
from dialer.telephony.ending import LegEnd, RtpStats, cause_of_status
from dialer.telephony.event import Ended
from dialer.telephony.incoming import incoming_leg
from dialer.telephony.leg import IncomingLeg, Leg
from dialer.telephony.library import Library
from dialer.telephony.names import Names, is_host
from dialer.telephony.phone_watch import PhoneWatch
from dialer.telephony.pinger import Pinger
from dialer.telephony.playback import Playback, Playlist
from dialer.telephony.priority import prefer_media_threads
from dialer.telephony.prompt import PromptCache
from dialer.telephony.recording import Recording
from dialer.telephony.settings import Gateway, UserAgentSettings
from dialer.telephony.setup_timer import SetupTimers
from dialer.telephony.sip_account import SipAccount
from dialer.telephony.sip_call import SipCall, add_headers, fault_word
from dialer.telephony.sip_thread import SipThread
from dialer.telephony.tap import RATE, TapView
from dialer.telephony.watch import Watch

log = logging.getLogger(__name__)

FRAME_MS = 20
RTP_CHECK_S = 0.5
NAMED_BY_S = 0.2  # the library's threads name themselves when they first run


class Engine:
    """Owns the library, its thread, and all calls."""

    def __init__(
        self, settings: UserAgentSettings, loop: asyncio.AbstractEventLoop, incoming: Callable[[IncomingLeg], None]
    ) -> None:
        self.settings = settings
        self.loop = loop
        self.bell = pj.Bell()
        self.drain = pj.AudioDrain()
        self.bank = pj.TapBank(settings.rows, max(8, int(settings.tap_seconds * 1000 / FRAME_MS)))
        self.taps = TapView(self.bank)
        self.channels = Channels(settings.max_channels, {name: g.max_channels for name, g in settings.gateways.items()})
        self.library = Library(self, settings)
        self.thread = SipThread(self, loop)
        self.names = Names()
        self.pinger = Pinger(self.thread, self.library.accounts, settings.gateways, self.names)
        self._incoming = incoming
        self._calls: dict[int, SipCall] = {}
        self._audio: dict[
            int, Any
        ] = {}  # pjsua2.LegAudio by leg: the one object of the library that any thread may use
        self._graveyard: list[SipCall] = []
        self._watches: dict[int, PhoneWatch] = {}
        self._keys = itertools.count(1)
        self._tickets = itertools.count(1)
        self._prompts = PromptCache(make_prompt)
        self.setup_timers = SetupTimers(self.thread)
        self.watch = Watch(self.bank, self.taps, self._calls, settings.rtp_timeout_s)

    # --- loop: life ---

    async def start(self) -> None:
        """Loop: opens the library."""
        await self.thread.start()

    async def stop(self, deadline_s: float) -> None:
        """Loop: hangs everything up and closes the library."""
        await self.pinger.stop()
        await self.thread.stop(deadline_s)

    # --- the thread's library ---

    def open(self) -> None:
        """Opens the library and starts what runs by itself."""
        self.library.open()
        self.thread.use_bell(self.bell.ring)
        self.thread.after(RTP_CHECK_S, self._end_without_rtp)
        self.thread.after(NAMED_BY_S, self._prefer_media)
        self.pinger.start()

    def poll(self, timeout_ms: int) -> None:
        """Lets the library work."""
        self.library.poll(timeout_ms)

    def after_poll(self) -> None:
        """Takes what the clock thread queued, and buries finished calls."""
        self.watch.tell_audio_events()
        while self._graveyard:
            bury(self._graveyard.pop())

    def close(self, deadline: float, poll: Callable[[], None]) -> None:
        """Hangs up all calls, waits for them until the deadline, and closes the library."""
        for key in list(self._watches):
            self.thread.guarded(functools.partial(self._unwatch_phone, key))
        for call in list(self._calls.values()):
            self.thread.guarded(functools.partial(call.end, "normal"))
        while self._calls and time.monotonic() < deadline:
            poll()
        for call in list(self._calls.values()):
            call.finish("us", call.facts.cause or "normal", local=True)
            self.let_go(call)
        self.after_poll()
        if self.bank.events_dropped():
            log.warning("%d audio events were dropped: the SIP thread was too slow", self.bank.events_dropped())
        self.library.close(deadline, poll)

    # --- registry ---

    def new_call(self, account: SipAccount, leg: Leg, call_id: int = -1) -> SipCall:
        """Makes the library's side of a leg; kept here until let_go()."""
        call = SipCall(self, account, leg, call_id)
        self._calls[leg.key] = call
        self._audio[leg.key] = call.audio
        return call

    def ended(self, call: SipCall, end: LegEnd) -> None:
        """A leg is over: it is told."""
        self.setup_timers.settled(call)
        self.thread.tell(self._leg_over, call.leg, end)

    def let_go(self, call: SipCall) -> None:
        """The library is done with a call: it goes to the graveyard."""
        if call.overdue is not None:
            call.overdue.cancel()
        self._audio.pop(call.leg.key, None)
        if self._calls.pop(call.leg.key, None) is not None:
            self._graveyard.append(call)

    def _leg_over(self, leg: Leg, end: LegEnd) -> None:
        """Loop: the leg's last event; its channel is free."""
        if leg.holds_channel:
            leg.holds_channel = False
            self.channels.give_back(leg.gateway)
        leg.take(Ended(time.monotonic(), end))

    def new_key(self) -> int:
        """Any thread: a number for a new leg."""
        return next(self._keys)

    # --- loop: dialling ---

    async def dial(self, request: DialRequest) -> Leg:
        """Loop: places a call; what cannot be placed is a leg that has ended."""
        leg = Leg(self, self.new_key(), "out", request.gateway, request.number)
        gateway = self.settings.gateways.get(request.gateway)
        if gateway is None:
            return refused(leg, "unknown_gateway")
        host = next_hop(request, gateway)
        if not is_host(host):
            return refused(leg, "malformed")
        leg.holds_channel = self.channels.take(request.gateway)
        if not leg.holds_channel:
            return refused(leg, "no_channel")
        try:
            if not await self.names.resolves(host):
                return self._unresolved(leg)
            await self.thread.call(self._place, leg, gateway, request)
        except BaseException:  # the dialling task was cancelled: nobody will ever hold this leg
            self._abandon(leg)
            raise
        return leg

    def _abandon(self, leg: Leg) -> None:
        def end() -> None:
            if leg.key in self._calls:
                self._end(leg, "abandoned", 0, None, [])
            else:
                self.thread.tell(self._leg_over, leg, leg.facts.finish("us", "abandoned", RtpStats(), local=True))

        self.thread.post(end)

    def _unresolved(self, leg: Leg) -> Leg:
        self.channels.give_back(leg.gateway)
        leg.holds_channel = False
        return refused(leg, "dns")

    def _place(self, leg: Leg, gateway: Gateway, request: DialRequest) -> None:
        call = self.new_call(self.library.accounts[gateway.name], leg)
        self.setup_timers.dialled(call, request.setup_timeout_s, request.ring_timeout_s)
        try:
            with self.library.offering(request.codecs or gateway.codecs or self.settings.codecs):
                call.place(target_uri(request, gateway), self._invite(leg, gateway, request))
        except pj.Error as fault:
            call.facts.reason = fault.reason
            self._not_placed(call, fault_word(fault.status, fault.reason))
        except Exception:
            self._not_placed(call, "failure")
            raise

    def _not_placed(self, call: SipCall, cause: str) -> None:
        call.finish("us", cause, local=True)
        self.let_go(call)

    def _invite(self, leg: Leg, gateway: Gateway, request: DialRequest) -> Any:
        """Gives what the library needs for the INVITE."""
        prm = pj.CallOpParam(True)
        self.no_extra_media(prm)
        prm.opt.customCallId = leg.sip_call_id
        prm.txOption.localUri = from_uri(request, gateway)
        add_headers(prm.txOption, safe_headers(request.headers))
        return prm

    def no_extra_media(self, prm: Any) -> None:
        """One audio stream, no video, no text."""
        prm.opt.audioCount, prm.opt.videoCount, prm.opt.textCount = 1, 0, 0

    def answered(self, call: SipCall) -> None:
        """The call was answered; one that comes of a transfer takes its place."""
        self.setup_timers.settled(call)
        partner = self._calls.get(call.partner.key) if call.partner is not None else None
        if partner is not None and not partner.over:
            joint.take_place(call, partner)

    # --- telephones that are watched ---

    async def watch_phone(self, gateway: str, number: str, taker: Callable[[PhoneState], None]) -> int:
        """Loop: subscribes to a telephone's dialog events; gives the subscription's number."""
        return int(await self.thread.call(self._watch_phone, self.settings.gateways[gateway], number, taker))

    def _watch_phone(self, gateway: Gateway, number: str, taker: Callable[[PhoneState], None]) -> int:
        key = self.new_key()
        uri = target_uri(DialRequest(gateway.name, number), gateway)
        try:
            self._watches[key] = PhoneWatch(self, self.library.accounts[gateway.name], uri, taker)
        except pj.Error as fault:
            log.warning("%s cannot be watched: %s", uri, fault.reason)
        return key

    async def unwatch_phone(self, key: int) -> None:
        """Loop: ends a subscription."""
        await self.thread.call(self._unwatch_phone, key)

    def _unwatch_phone(self, key: int) -> None:
        watch = self._watches.pop(key, None)
        if watch is not None:
            pj.Buddy.__swig_destroy__(watch)

    # --- incoming ---

    def incoming(self, account: SipAccount, prm: Any) -> None:
        """A call came in: it is a leg at once, refused on the loop when there is no channel."""
        leg = incoming_leg(self, prm.rdata)
        self.new_call(account, leg, prm.callId).facts.mark("invite")
        self.thread.tell(self._offer, leg)

    def _offer(self, leg: IncomingLeg) -> None:
        """Loop: hands an incoming leg to its taker."""
        leg.holds_channel = self.channels.take("")
        if leg.holds_channel:
            self._incoming(leg)
        else:
            self.end_soon(leg, "no_channel")

    async def respond(
        self, leg: Leg, status: int, *, mute: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        """Loop: answers an incoming call."""
        await self.thread.call(self._respond, leg, status, mute, safe_headers(headers or {}))

    def _respond(self, leg: Leg, status: int, mute: bool, headers: list[tuple[str, str]]) -> None:
        call = self._calls.get(leg.key)
        if call is None or call.over or call.facts.cause is not None:
            return
        if mute:
            call.audio.set_muted(True)
        call.respond(status, headers=headers)

    # --- loop: commands on a leg ---

    async def hangup(self, leg: Leg, cause: str | int, q850: int | None, headers: Mapping[str, str]) -> None:
        """Loop: ends a leg."""
        word, status = (cause_of_status(cause), cause) if isinstance(cause, int) else (cause, 0)
        await self.thread.call(self._end, leg, word, status, q850, safe_headers(headers))

    def _end(self, leg: Leg, cause: str, status: int, q850: int | None, headers: list[tuple[str, str]]) -> None:
        call = self._calls.get(leg.key)
        if call is not None:
            call.end(cause, status=status, q850=q850, headers=headers)

    def end_soon(self, leg: Leg, cause: str) -> None:
        """Any thread: ends a leg from a callback, where the library must not be called for it."""
        self.thread.post(lambda: self._end(leg, cause, 0, None, []))

    async def load(self, files: Sequence[Path]) -> list[Any]:
        """Loop: gives the files as prompts; those not known yet are read in another thread."""
        return [
            self._prompts.known(Path(path)) or await asyncio.to_thread(self._prompts.get, Path(path)) for path in files
        ]

    def next_ticket(self) -> int:
        """Any thread: a number for a playback."""
        return next(self._tickets)

    def play(self, leg: Leg, playback: Playback, playlist: Playlist) -> None:
        """Loop: starts a playback with the next frame."""
        audio = self._audio.get(leg.key)
        if audio is None:
            playback.mark_finished(False)
            return
        order = pj.PlayOrder()
        for prompt, _ in playback.prompts:
            order.add(prompt)
        order.loop = playlist.loop
        order.delay_samples = max(0, playlist.delay_ms) * RATE // 1000
        order.max_samples = int(playlist.max_duration_s * RATE) if playlist.max_duration_s else 0
        order.ticket = playback.ticket
        audio.play(order)

    def stop_playback(self, leg: Leg, playback: Playback) -> None:
        """Loop: stops a playback with the next frame."""
        audio = self._audio.get(leg.key)
        if audio is not None:
            audio.stop(playback.ticket)

    async def send_dtmf(self, leg: Leg, digits: str, method: str, duration_ms: int) -> bool:
        """Loop: sends digits."""
        return bool(await self.thread.call(self._send_dtmf, leg, digits, method, duration_ms))

    def _send_dtmf(self, leg: Leg, digits: str, method: str, duration_ms: int) -> bool:
        prm = pj.CallSendDtmfParam()
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        prm.duration, prm.digits = duration_ms, digits
        return self._on_live(leg, lambda call: call.sendDtmf(prm))

    async def on_live(self, leg: Leg, action: Callable[[SipCall], None]) -> bool:
        """Loop: does something with a leg's call; False when it has ended or the library cannot do it now."""
        return bool(await self.thread.call(self._on_live, leg, action))

    async def hold(self, leg: Leg) -> bool:
        """Loop: sends a re-INVITE with sendonly."""
        return await self.on_live(leg, lambda call: call.setHold(pj.CallOpParam(True)))

    async def retrieve(self, leg: Leg) -> bool:
        """Loop: sends a re-INVITE with sendrecv."""
        return await self.on_live(leg, self._unhold)

    def _unhold(self, call: SipCall) -> None:
        prm = pj.CallOpParam(True)
        self.no_extra_media(prm)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        call.reinvite(prm)

    async def transfer(self, leg: Leg, uri: str) -> bool:
        """Loop: sends REFER."""
        return await self.on_live(leg, lambda call: transfer.refer(call, uri))

    async def transfer_attended(self, leg: Leg, other: Leg) -> bool:
        """Loop: sends REFER with Replaces."""

        def refer(call: SipCall) -> None:
            self._on_live(other, functools.partial(transfer.refer_to_each_other, call))

        return await self.on_live(leg, refer)

    def _on_live(self, leg: Leg, action: Callable[[SipCall], None]) -> bool:
        call = self._calls.get(leg.key)
        if call is None or call.over or call.facts.cause is not None:
            return False
        try:
            action(call)
        except pj.Error as fault:
            log.info("%r: %s", leg, fault.reason)
            return False
        return True

    def record(self, leg: Leg, path: Path, *, from_start: bool) -> Recording:
        """Loop: records what a leg's far end says."""
        return Recording(path, self.taps, leg, from_start=from_start).run()

    def record_call(self, leg: Leg, others: Sequence[Leg], path: Path) -> CallRecording:
        """Loop: records a conversation in stereo."""
        return CallRecording(path, self.taps, leg, others).run()

    async def rtp(self, leg: Leg) -> RtpStats:
        """Loop: gives a leg's figures."""
        found: RtpStats = await self.thread.call(self._rtp, leg)
        return found

    def _rtp(self, leg: Leg) -> RtpStats:
        call = self._calls.get(leg.key)
        if call is not None:
            return call.rtp()
        return leg.facts.end.rtp if leg.facts.end is not None else RtpStats()

    # --- bridge ---

    async def join(self, legs: Sequence[Leg]) -> float:
        """Loop: joins legs, each with all others; what plays on them stops. Gives the monotonic time of the joint."""
        for leg in legs if len(legs) > 1 else ():
            leg.silenced()
        return float(await self.thread.call(self._join, tuple(legs)))

    def _join(self, legs: Sequence[Leg]) -> float:
        joint.join(self._up(legs))
        return time.monotonic()

    def _up(self, legs: Sequence[Leg]) -> list[SipCall]:
        """The calls of those legs that have not ended."""
        found = (self._calls.get(leg.key) for leg in legs)
        return [call for call in found if call is not None and not call.over]

    async def part(self, legs: Sequence[Leg], others: Sequence[Leg]) -> None:
        """Loop: undoes what joints there are between some legs and others."""
        await self.thread.call(self._part, tuple(legs), tuple(others))

    def _part(self, legs: Sequence[Leg], others: Sequence[Leg]) -> None:
        leaving = self._up(others)
        for call in self._up(legs):
            joint.leave(call, [peer for peer in call.peers if peer in leaving])

    def take_channel(self, leg: Leg) -> None:
        """Loop: a leg that is there already counts, over the limit or not."""
        leg.holds_channel = not leg.ended.done()
        if leg.holds_channel:
            self.channels.take_always(leg.gateway)

    # --- what runs by itself ---

    @staticmethod
    def _prefer_media() -> None:
        log.info("%d media threads go before all others", prefer_media_threads())

    def _end_without_rtp(self) -> None:
        self.thread.after(RTP_CHECK_S, self._end_without_rtp)
        for call in self.watch.without_rtp():
            call.end("rtp_timeout")


def make_prompt(samples: NDArray[np.int16]) -> Any:
    """Makes the library's object of int16 [n]."""
    contiguous = np.ascontiguousarray(samples)
    return pj.Prompt(contiguous.ctypes.data, len(contiguous))


def bury(call: SipCall) -> None:
    """Destroys a finished call here and now: a collector's later turn would hang up whoever has its number then."""
    for name in [name for name in vars(call) if name != "this"]:
        delattr(call, name)
    pj.Call.__swig_destroy__(call)


def refused(leg: Leg, cause: str) -> Leg:
    """Gives the leg, ended before it began."""
    leg.take(Ended(time.monotonic(), leg.facts.finish("us", cause, RtpStats(), local=True)))
    return leg
