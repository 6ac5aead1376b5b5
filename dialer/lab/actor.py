"""Performs a script on one incoming call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said: a file, from its first sample on, looped until it was stopped. Times are monotonic seconds."""

    path: Path
    started_at: float
    stopped_at: float


@dataclass(slots=True)
class Actor:
    """One party of the lab on one call.

    Attributes:
        who: whose voice it is: name of the persona, or extension of the agent.
        contact: `host:port` of this lab, for redirections.
        said: what was said so far.
    """

    leg: IncomingLeg
    who: str
    sounds: SoundLibrary
    taps: TapView
    contact: str
    said: list[Utterance] = field(default_factory=list)

    async def perform(self, script: Script) -> None:
        """Performs the script until it ends or the other side is gone. No call is left over."""
        acting = asyncio.create_task(self._steps(script), name=f"lab-{self.who}")
        either: set[asyncio.Future[Any]] = {acting, self.leg.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=LONGEST_CALL_S)
        finally:
            acting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await acting
            await self.leg.hangup()

    async def _steps(self, script: Script) -> None:
        for step in script:
            await self._do(step)

    @singledispatchmethod
    async def _do(self, step: Step) -> None:
        raise TypeError(f"no performer for {step!r}")

    @_do.register
    async def _(self, step: Nothing) -> None:
        await asyncio.sleep(step.for_s)

    @_do.register
    async def _(self, step: Ring) -> None:
        await self.leg.ring()
        await asyncio.sleep(step.for_s)

    @_do.register
    async def _(self, step: Early) -> None:
        await self.leg.answer(183, headers=dict(step.headers))
        await self._play(self.sounds.path(step.sound), loop=step.loop, for_s=step.for_s)

    @_do.register
    async def _(self, step: Answer) -> None:  # noqa: ARG002 - it has no particulars
        await self.leg.answer(200)

    @_do.register
    async def _(self, step: AnswerMute) -> None:  # noqa: ARG002 - it has no particulars
        await self.leg.answer(200, mute=True)

    @_do.register
    async def _(self, step: Say) -> None:
        await self._play(self.sounds.path(step.sound), loop=step.loop, for_s=step.for_s)

    @_do.register
    async def _(self, step: Listen) -> None:
        await somebody_speaks(self.taps, self.leg, step.at_most_s)

    @_do.register
    async def _(self, step: Talk) -> None:
        await self._play(self.sounds.talk(step.voice, self.who), loop=True, for_s=step.for_s)

    @_do.register
    async def _(self, step: Wait) -> None:
        await asyncio.wait({self.leg.ended}, timeout=step.at_most_s)

    @_do.register
    async def _(self, step: HangUp) -> None:  # noqa: ARG002 - it has no particulars
        await self.leg.hangup()

    @_do.register
    async def _(self, step: Reject) -> None:
        await self.leg.reject(step.status, q850=step.q850, headers=dict(step.headers))

    @_do.register
    async def _(self, step: Redirect) -> None:
        await self.leg.redirect(f"sip:{step.number}@{self.contact}")

    async def _play(self, path: Path, *, loop: bool, for_s: float | None) -> None:
        playback = await self.leg.play(Playlist(files=[path], loop=loop))
        try:
            async with asyncio.timeout(for_s):
                await asyncio.shield(playback.finished)
        except TimeoutError:
            await playback.stop()
        finally:
            if playback.started_at is not None:
                self.said.append(Utterance(path, playback.started_at, time.monotonic()))
