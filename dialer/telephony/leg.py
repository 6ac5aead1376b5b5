"""A leg: one call as the program sees it. Awaitable commands in, a closed list of events out, one value at the end.

Used on the event loop only. No object of the library is reachable from here except through the engine.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dialer.telephony.call_recording import CallRecording
from dialer.telephony.ending import LegEnd, LegTimes, ProgressWord, RtpStats
from dialer.telephony.event import (
    Answered,
    Ended,
    LegEvent,
    PlaybackFinished,
    PlaybackStarted,
    TransferProgress,
)
from dialer.telephony.facts import LegFacts
from dialer.telephony.playback import Playback, Playlist
from dialer.telephony.recording import Recording

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine


class Leg:
    """One leg.

    Attributes:
        id: ours; the same as `sip_call_id` without the host.
        direction: "out" = we placed it.
        gateway: name of the gateway it goes through; "" for incoming ones.
        number: who was dialled.
        ended: settles with the LegEnd, exactly once.
    """

    def __init__(
        self,
        engine: Engine,
        key: int,
        direction: Literal["in", "out"],
        gateway: str,
        number: str,
        sip_call_id: str | None = None,
    ) -> None:
        self._engine = engine
        self.key = key
        self.id = uuid.uuid4().hex
        self.sip_call_id = sip_call_id or self.id
        self.direction = direction
        self.gateway = gateway
        self.number = number
        self.facts = LegFacts()
        self.holds_channel = False
        self.ended: asyncio.Future[LegEnd] = engine.loop.create_future()
        self._events: list[LegEvent] = []
        self._news = asyncio.Event()
        self._read = 0
        self._playbacks: dict[int, Playback] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.direction} {self.number} {self.id[:8]}>"

    # --- what is known ---

    @property
    def end(self) -> LegEnd | None:
        """How the leg ended; None while it is up."""
        return self.ended.result() if self.ended.done() and not self.ended.cancelled() else None

    @property
    def timestamps(self) -> LegTimes:
        """When what happened so far."""
        return self.facts.times

    @property
    def progress(self) -> ProgressWord:
        """How far the setup came."""
        return self.facts.progress

    @property
    def tap_row(self) -> int | None:
        """Row of the tap with this leg's audio, while media is up."""
        return None if self.end is not None else self.facts.row

    @property
    def tap_start(self) -> int:
        """Position of this leg's first sample in its row."""
        return self.facts.start

    @property
    def codec(self) -> str:
        """Codec in use, "PCMU/8000"; empty before media."""
        return self.facts.codec

    @property
    def is_answered(self) -> bool:
        """True once the leg was answered."""
        return self.facts.times.answer is not None

    # --- events ---

    async def events(self) -> AsyncIterator[LegEvent]:
        """Gives every event from the leg's beginning on, and ends after Ended. Each caller sees them all."""
        at = 0
        while True:
            while at < len(self._events):
                event = self._events[at]
                at += 1
                yield event
                if isinstance(event, Ended):
                    return
            await self._wait_for_news(at)

    async def next_event(self) -> LegEvent:
        """Gives the next event not yet given this way; after Ended, Ended again."""
        while self._read >= len(self._events):
            if self._events and isinstance(self._events[-1], Ended):
                return self._events[-1]
            await self._wait_for_news(self._read)
        self._read += 1
        return self._events[self._read - 1]

    async def _wait_for_news(self, have: int) -> None:
        while len(self._events) <= have:
            self._news.clear()
            await self._news.wait()

    async def answered(self) -> bool:
        """Waits for the answer; False when the leg ended without."""
        async for event in self.events():
            if isinstance(event, Answered):
                return True
        return self.is_answered

    def take(self, event: LegEvent) -> None:
        """Takes an event over (called by the SIP thread's messages, on the loop)."""
        if self.ended.done():
            return
        self._events.append(event)
        match event:
            case PlaybackStarted(at=at, ticket=ticket) if ticket in self._playbacks:
                self._playbacks[ticket].mark_started(at)
            case PlaybackFinished(ticket=ticket, complete=complete) if ticket in self._playbacks:
                self._playbacks.pop(ticket).mark_finished(complete)
            case Ended(end=end):
                self._close(end)
        self._news.set()

    def _close(self, end: LegEnd) -> None:
        for playback in self._playbacks.values():
            playback.mark_finished(False)
        self._playbacks.clear()
        self.ended.set_result(end)

    # --- commands ---

    async def hangup(
        self, cause: str | int = "normal", *, q850: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Ends the leg: CANCEL, BYE or a refusal, as its state asks. Returns when it was sent; `ended` tells the end.

        Args:
            cause: word for LegEnd.cause, or a SIP status to refuse an incoming call with.
            q850: cause for the Reason header; None = the word's usual one.
            headers: further headers.
        """
        if not self.ended.done():
            await self._engine.hangup(self, cause, q850, headers or {})

    async def play(self, playlist: Playlist) -> Playback:
        """Plays files to the far end, in place of what plays and of a bridged party's voice.

        Raises:
            UnplayableSound: when a file cannot be played.
        """
        prompts = await self._engine.load(playlist.files)
        playback = Playback(
            self._engine.loop, self._engine.next_ticket(), prompts, lambda: self._engine.stop_playback(self, playback)
        )
        if self.ended.done():
            playback.mark_finished(False)
            return playback
        for old in self._playbacks.values():
            old.mark_finished(False)
        self._playbacks = {playback.ticket: playback}
        self._engine.play(self, playback, playlist)
        return playback

    def silenced(self) -> None:
        """What played was stopped (called on the loop)."""
        for playback in self._playbacks.values():
            playback.mark_finished(False)
        self._playbacks.clear()

    async def send_dtmf(
        self, digits: str, method: Literal["rfc4733", "info"] = "rfc4733", duration_ms: int = 160
    ) -> bool:
        """Sends digits: 0-9, A-D, * and #. False when the leg cannot now: it has ended or has no audio."""
        return await self._engine.send_dtmf(self, digits, method, duration_ms)

    async def hold(self) -> bool:
        """Puts the far end on hold; Held tells when it agreed. False when the leg cannot now."""
        return await self._engine.hold(self)

    async def retrieve(self) -> bool:
        """Takes the far end off hold; Retrieved tells when it agreed. False when the leg cannot now."""
        return await self._engine.retrieve(self)

    async def transfer(self, uri: str, *, timeout_s: float = 40.0) -> bool:
        """Sends the far end elsewhere by REFER; the leg ends with cause "transferred" when that worked.

        Returns:
            False when the far end refused, the call elsewhere failed, or nothing was heard of it within `timeout_s`.
            The leg goes on then.
        """
        return await self._transferred(self._engine.transfer(self, uri), timeout_s)

    async def transfer_attended(self, other: Leg, *, timeout_s: float = 40.0, unheard_is_done: bool = False) -> bool:
        """Joins this leg's far end with another leg's, both leaving us (REFER with Replaces). As transfer().

        Args:
            other: the leg with whose far end it is joined.
            timeout_s: how long to wait for the far end's last word.
            unheard_is_done: what to think when none came.
        """
        sending = self._engine.transfer_attended(self, other)
        return await self._transferred(sending, timeout_s, unheard_is_done=unheard_is_done)

    async def _transferred(self, sending: Awaitable[bool], timeout_s: float, *, unheard_is_done: bool = False) -> bool:
        have = len(self._events)
        if not await sending:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                return await self._transfer_outcome(have)
        except TimeoutError:
            return unheard_is_done

    async def _transfer_outcome(self, have: int) -> bool:
        while True:
            for event in self._events[have:]:
                have += 1
                if isinstance(event, TransferProgress) and event.final:
                    return 200 <= event.status < 300
                if isinstance(event, Ended):
                    return event.end.cause == "transferred"
            await self._wait_for_news(have)

    def record(self, path: Path, *, from_start: bool = False) -> Recording:
        """Records what the far end says into a WAV file, 8 kHz mono, until stop() or the leg's end.

        Args:
            path: of the file.
            from_start: with what was said before and is still in the tap: from the first packet of early media on.

        Raises:
            OSError: when the file cannot be made.
        """
        return self._engine.record(self, path, from_start=from_start)

    def record_with(self, others: Sequence[Leg], path: Path) -> CallRecording:
        """Records a conversation in stereo until stop() or this leg's end: this far end left, all others right.

        Raises:
            OSError: when the file cannot be made.
        """
        return self._engine.record_call(self, others, path)

    async def rtp(self) -> RtpStats:
        """Gives the audio's figures so far."""
        return self.end.rtp if self.end else await self._engine.rtp(self)


class IncomingLeg(Leg):
    """A leg that came in.

    Attributes:
        called_number: user part of the request URI.
        called_uri, caller_uri: whole URIs.
        caller, caller_name: user part and display name of From.
        headers: every header of the INVITE, lower-case name to its first value.
        source: host:port it came from.
    """

    called_number: str = ""
    called_uri: str = ""
    caller: str = ""
    caller_uri: str = ""
    caller_name: str = ""
    headers: Mapping[str, str] = {}
    source: str = ""

    async def ring(self) -> None:
        """Sends 180."""
        await self._engine.respond(self, 180)

    async def answer(self, status: int = 200, *, mute: bool = False, headers: Mapping[str, str] | None = None) -> None:
        """Sends a response with a session description.

        Args:
            status: 200, or 183 for early media.
            headers: further headers.
            mute: no RTP is sent by us afterwards, not even silence.
        """
        await self._engine.respond(self, status, mute=mute, headers=headers or {})

    async def reject(
        self, status: int = 486, *, q850: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuses the call."""
        await self.hangup(status, q850=q850, headers=headers)

    async def redirect(self, uri: str, status: int = 302) -> None:
        """Sends the caller elsewhere."""
        await self.hangup(status, headers={"Contact": f"<{uri}>"})
