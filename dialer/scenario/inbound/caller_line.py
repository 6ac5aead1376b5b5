"""The line of somebody who called us: prompts out, digits in. Nothing here knows why they called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from dialer.callback.treatment import Treatment
from dialer.scenario.house import House
from dialer.scenario.race import while_up
from dialer.telephony import Dtmf, Ended, IncomingLeg, Playback, Playlist, Transferred, UnplayableSound

log = structlog.get_logger(__name__)

FIRST_DIGIT_S = 8.0  # from the prompt's end to the first digit
NEXT_DIGIT_S = 4.0  # from one digit to the next
LONGEST_PROMPT_S = 120.0  # whatever its files say: nobody listens for ever
END_WAIT_S = 5.0  # SIP's own timers end a leg that was told to


@dataclass(slots=True)
class CallerLine:
    """An incoming leg that is spoken with.

    Attributes:
        language: in which prompts are looked up first.
        handed_over: somebody else began this call and handed it to the caller afterwards (a two-step transfer).
    """

    house: House
    leg: IncomingLeg
    language: str | None = None
    handed_over: bool = False
    _digits: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _playback: Playback | None = None
    _pump: asyncio.Task[None] | None = None

    async def answer(self) -> None:
        """Takes the call.

        Raises:
            LegGone: when the caller was gone before.
        """
        self._pump = asyncio.create_task(self._listen(), name=f"caller-{self.leg.id}")
        await self.leg.answer()
        await while_up(self.leg, self.leg.answered())

    async def close(self) -> None:
        """Stops listening for digits and playing; the leg stays."""
        await self.silence()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def hang_up(self, cause: str = "normal") -> None:
        """Ends the call and everything that hangs on it."""
        await self.close()
        await self.leg.hangup(cause)
        await asyncio.wait_for(asyncio.shield(self.leg.ended), END_WAIT_S)

    async def say(self, *names: str, barge_in: bool = False) -> None:
        """Plays prompts one after the other, to their end.

        Args:
            names: files as treatments name them; what cannot be had is left out, with a warning.
            barge_in: a digit ends it.

        Raises:
            LegGone: when the caller hung up.
        """
        playback = await self._play(await self._files(names))
        if playback is None:
            return
        try:
            await while_up(self.leg, self._until_heard(playback, barge_in=barge_in))
        finally:
            await self.silence()

    async def ask(
        self, prompts: Sequence[str], *, digits: int | None = None, terminator: str = "#",
        first_digit_s: float = FIRST_DIGIT_S, next_digit_s: float = NEXT_DIGIT_S,
    ) -> str:  # fmt: skip
        """Plays prompts and collects digits; the first digit silences the prompt.

        Args:
            prompts: files.
            digits: how many; None = until the terminator, or until none comes for `next_digit_s`.
            terminator: ends the input and is no part of it; empty = none.
            first_digit_s: how long the first digit is waited for after the prompt.
            next_digit_s: how long each further one.

        Returns:
            What was entered; empty when nothing was.

        Raises:
            LegGone: when the caller hung up.
        """
        self._forget_digits()
        await self.say(*prompts, barge_in=True)
        entered = ""
        while digits is None or len(entered) < digits:
            digit = await self._next_digit(next_digit_s if entered else first_digit_s)
            if digit is None or digit == terminator:
                break
            entered += digit
        return entered

    async def key(self, within_s: float) -> str | None:
        """The next key that is pressed; None when none was within the time.

        Raises:
            LegGone: when the caller hung up.
        """
        self._forget_digits()
        return await self._next_digit(within_s)

    async def silence(self) -> None:
        """Stops what plays."""
        if self._playback is not None:
            playback, self._playback = self._playback, None
            await playback.stop()

    async def _next_digit(self, within_s: float) -> str | None:
        try:
            async with asyncio.timeout(within_s):
                return await while_up(self.leg, self._digits.get())
        except TimeoutError:
            return None

    def _forget_digits(self) -> None:
        """Digits that nobody has asked for yet answer nothing."""
        while not self._digits.empty():
            self._digits.get_nowait()

    async def _until_heard(self, playback: Playback, *, barge_in: bool) -> None:
        """Until the playback is over, or a digit came."""
        waiting: set[asyncio.Future[Any]] = {playback.finished}
        digit = asyncio.create_task(self._digits.get()) if barge_in else None
        if digit is not None:
            waiting.add(digit)
        try:
            await asyncio.wait(waiting, timeout=LONGEST_PROMPT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if digit is not None:
                await self._put_back(digit)

    async def _put_back(self, digit: asyncio.Task[str]) -> None:
        """A digit that silenced the prompt is the first of the answer."""
        if digit.done():
            later = [self._digits.get_nowait() for _ in range(self._digits.qsize())]
            for each in (digit.result(), *later):
                self._digits.put_nowait(each)
        else:
            digit.cancel()
            await asyncio.gather(digit, return_exceptions=True)

    async def _files(self, names: Sequence[str]) -> list[Path]:
        found = [await self.house.library.locate(Treatment(file=name), self.language) for name in names if name]
        return [path for path in found if path is not None]

    async def _play(self, files: Sequence[Path]) -> Playback | None:
        if not files:
            return None
        try:
            self._playback = await self.leg.play(Playlist(files=tuple(files)))
        except UnplayableSound as fault:
            log.warning("prompt_unplayable", files=[str(path) for path in files], cause=fault.why)
            return None
        return self._playback

    async def _listen(self) -> None:
        async for event in self.leg.events():
            if isinstance(event, Dtmf):
                self._digits.put_nowait(event.digit)
            elif isinstance(event, Transferred):
                self.handed_over = True
            elif isinstance(event, Ended):
                return
