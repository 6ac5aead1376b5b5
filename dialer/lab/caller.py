"""People who call in: they dial, wait for the prompts, press keys, say their name, talk, and hang up.

The lab's other people wait to be called; these begin. What a caller does is a script as theirs is.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dialer.lab.actor import Utterance
from dialer.lab.ears import FRAME, POLL_S, loud_frames
from dialer.lab.notebook import Heard
from dialer.lab.sounds import SoundLibrary
from dialer.telephony import DialRequest, Gateway, Leg, LegEnd, Playlist, UserAgent, UserAgentSettings

NOTE_EVERY_S = 0.1  # the tap holds seconds
DIGIT_S = 0.12
QUIET_S = 0.7  # a prompt is over when nothing was heard for so long
LONGEST_CALL_S = 90.0


@dataclass(frozen=True, slots=True)
class Pick:
    """Waits for a prompt to be over: something was heard, and then nothing for a while."""

    at_most_s: float = 30.0
    quiet_s: float = QUIET_S


@dataclass(frozen=True, slots=True)
class Press:
    """Presses keys."""

    digits: str
    method: str = "rfc4733"


@dataclass(frozen=True, slots=True)
class Speak:
    """Says something: a sound of the lab, to its end or for a time."""

    sound: str
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Converse:
    """Talks with a voice of one's own, told from all others by correlation; stays when the time is over."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Stay:
    """Is silent until the other side hangs up, at the longest this time."""

    at_most_s: float = 60.0


@dataclass(frozen=True, slots=True)
class GoAway:
    """Hangs up."""


CallerStep = Pick | Press | Speak | Converse | Stay | GoAway


@dataclass(slots=True)
class CallIn:
    """One call of a caller, as it went.

    Attributes:
        answered: whether anybody took it.
        end: how it ended.
        said: what the caller said.
        heard: what came over the line.
    """

    caller: str
    called: str
    answered: bool = False
    end: LegEnd | None = None
    said: list[Utterance] = field(default_factory=list)
    heard: Heard = field(default_factory=lambda: Heard([]))


class Callers:
    """`async with Callers("sip:127.0.0.1:5070") as callers: await callers.call("+1...", "+1...", script)`."""

    def __init__(self, gateway: str, *, host: str = "127.0.0.1", rtp_ports: tuple[int, int] = (15000, 15999)) -> None:
        """Nobody calls yet.

        Args:
            gateway: SIP URI of the dialer, or of a PBX in front of it.
            host: where the callers are.
            rtp_ports: of their audio.
        """
        self._agent = UserAgent(
            UserAgentSettings(
                listen_host=host,
                udp_port=0,
                tcp_port=None,
                rtp_port_range=rtp_ports,
                max_channels=64,
                user_agent_name="callback-lab-caller",
                gateways={"dialer": Gateway(name="dialer", uri=gateway, options_ping_s=0)},
            )
        )
        self._folder = tempfile.TemporaryDirectory(prefix="callback-callers-")
        self._sounds = SoundLibrary(Path(self._folder.name))

    async def __aenter__(self) -> Self:
        await self._agent.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._agent.stop(deadline_s=3)
        self._folder.cleanup()

    async def call(
        self, caller: str, called: str, script: tuple[CallerStep, ...], headers: Mapping[str, str] | None = None
    ) -> CallIn:
        """Makes one call from its first to its last moment; no call is left over.

        Args:
            caller: number that is shown; empty = withheld.
            called: number that is dialled.
            script: what the caller does once the call is answered.
            headers: further headers of the INVITE.
        """
        leg = await self._agent.dial(
            DialRequest(
                gateway="dialer", number=called, from_user=caller or "anonymous", display_name="", headers=headers or {}
            )
        )
        call = CallIn(caller, called)
        ears = asyncio.create_task(self._note(leg, call), name=f"caller-ears-{leg.id}")
        try:
            async with asyncio.timeout(LONGEST_CALL_S):
                call.answered = await leg.answered()
                if call.answered:
                    await self._perform(leg, call, script)
        finally:
            await leg.hangup()
            call.end = await asyncio.wait_for(asyncio.shield(leg.ended), 10)
            await ears
        return call

    async def _perform(self, leg: Leg, call: CallIn, script: tuple[CallerStep, ...]) -> None:
        acting = asyncio.create_task(self._steps(leg, call, script))
        either: set[asyncio.Future[Any]] = {acting, leg.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await acting

    async def _steps(self, leg: Leg, call: CallIn, script: tuple[CallerStep, ...]) -> None:
        for step in script:
            match step:
                case Pick(at_most_s=at_most_s, quiet_s=quiet_s):
                    await self._until_prompt_over(leg, at_most_s, quiet_s)
                case Press(digits=digits):
                    await leg.send_dtmf(digits)
                    await asyncio.sleep(len(digits) * DIGIT_S)
                case Speak(sound=sound, for_s=for_s):
                    await self._play(leg, call, self._sounds.path(sound), loop=False, for_s=for_s)
                case Converse(for_s=for_s):
                    path = self._sounds.talk("customer_talk", call.caller)
                    await self._play(leg, call, path, loop=True, for_s=for_s)
                case Stay(at_most_s=at_most_s):
                    await asyncio.wait({leg.ended}, timeout=at_most_s)
                case GoAway():
                    await leg.hangup()

    async def _until_prompt_over(self, leg: Leg, at_most_s: float, quiet_s: float) -> None:
        ends, last_loud = time.monotonic() + at_most_s, None
        row, cursor = -1, 0
        while time.monotonic() < ends:
            await asyncio.sleep(POLL_S)
            if leg.tap_row is None:
                continue
            if row != leg.tap_row:
                row, cursor = leg.tap_row, int(self._agent.taps.written(leg.tap_row))
            heard = self._agent.taps.read(row, cursor)
            whole = len(heard) // FRAME * FRAME
            cursor += whole
            if whole and loud_frames(heard[:whole]):
                last_loud = time.monotonic()
            if last_loud is not None and time.monotonic() - last_loud >= quiet_s:
                return

    async def _play(self, leg: Leg, call: CallIn, path: Path, *, loop: bool, for_s: float | None) -> None:
        playback = await leg.play(Playlist(files=[path], loop=loop))
        try:
            async with asyncio.timeout(for_s):
                await asyncio.shield(playback.finished)
        except TimeoutError:
            await playback.stop()
        finally:
            if playback.started_at is not None:
                call.said.append(Utterance(path, playback.started_at, time.monotonic()))

    async def _note(self, leg: Leg, call: CallIn) -> None:
        """Keeps what comes over the line, until the leg ends."""
        cursor = row = -1
        while True:
            done, _ = await asyncio.wait({leg.ended}, timeout=NOTE_EVERY_S)
            if leg.tap_row is not None and row != leg.tap_row:
                row, cursor = leg.tap_row, leg.tap_start
            if row >= 0:
                block = self._agent.taps.read(row, cursor)
                if call.heard.began_at is None and len(block):
                    call.heard.began_at = self._agent.taps.frame_time(row, cursor)
                cursor += len(block)
                call.heard.blocks.append(block)
            if done:
                return


def heard_of(call: CallIn) -> NDArray[np.int16]:
    """What came over the line: int16 [n], 8 kHz."""
    return call.heard.samples()
