"""Performs a script on one incoming call."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from dialer.lab.ears import somebody_speaks
from dialer.lab.script import (
    Answer,
    AnswerMute,
    Early,
    HangUp,
    Listen,
    Nothing,
    Redirect,
    Reject,
    Ring,
    Say,
    Script,
    Step,
    Talk,
    Wait,
)
from dialer.lab.sounds import SoundLibrary
from dialer.telephony import IncomingLeg, Playlist, TapView

LONGEST_CALL_S = 120.0  # nobody at the other end stays for ever, whatever the caller forgets


@dataclass(slots=True)
class Actor:
    """One party of the lab on one call.

    Attributes:
        who: whose voice it is: name of the persona or the agent.
        contact: `host:port` of this lab, for redirections.
    """

    leg: IncomingLeg
    who: str
    sounds: SoundLibrary
    taps: TapView
    contact: str

    async def perform(self, script: Script) -> None:
        """Performs the script until it ends or the other side is gone. No call is left over."""
        acting = asyncio.create_task(self._steps(script), name=f"lab-{self.who}")
        try:
            await asyncio.wait({acting, self.leg.ended}, return_when=asyncio.FIRST_COMPLETED, timeout=LONGEST_CALL_S)
        finally:
            acting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await acting
            if not self.leg.ended.done():
                await self.leg.hangup("normal")

    async def _steps(self, script: Script) -> None:
        for step in script:
            await self._step(step)

    async def _step(self, step: Step) -> None:
        leg = self.leg
        match step:
            case Nothing(for_s):
                await asyncio.sleep(for_s)
            case Ring(for_s):
                await leg.ring()
                await asyncio.sleep(for_s)
            case Early(sound, for_s, loop):
                await leg.answer(183)
                await self._play(Playlist(files=[self.sounds.path(sound)], loop=loop), for_s)
            case Answer():
                await leg.answer(200)
            case AnswerMute():
                await leg.answer(200, mute=True)
            case Say(sound, for_s, loop):
                await self._play(Playlist(files=[self.sounds.path(sound)], loop=loop), for_s)
            case Listen(at_most_s):
                await somebody_speaks(self.taps, leg, at_most_s)
            case Talk(voice, for_s):
                await self._play(Playlist(files=[self.sounds.talk(voice, self.who)], loop=True), for_s)
            case Wait(at_most_s):
                await asyncio.wait({leg.ended}, timeout=at_most_s)
            case HangUp():
                await leg.hangup("normal")
            case Reject(status, q850, headers):
                await leg.reject(status, q850=q850, headers=dict(headers))
            case Redirect(number):
                await leg.redirect(f"sip:{number}@{self.contact}")

    async def _play(self, playlist: Playlist, for_s: float | None) -> None:
        playback = await self.leg.play(playlist)
        try:
            async with asyncio.timeout(for_s):
                await playback.finished
        except TimeoutError:
            await playback.stop()
