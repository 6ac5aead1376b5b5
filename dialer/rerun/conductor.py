"""Gives everything of a tape again, in its order and at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dialer.clock import Clock
from dialer.rerun.tape import Given, Run

PATIENCE_S = 0.25  # for a decision that was made before this was given: the rerun may take it a little later
LOOK_EVERY_S = 0.001


@dataclass(slots=True)
class Conductor:
    """Walks through a tape in virtual time.

    Attributes:
        run: the tape.
        clock: virtual.
        zero: the loop's time at which the run began.
        decided: how many decisions the rerun has made.
        takers: who takes things of a kind.
    """

    run: Run
    clock: Clock
    zero: float
    decided: Callable[[], int]
    takers: dict[str, Callable[[Given], None]] = field(default_factory=dict)

    def take_part(self, taker: Callable[[Given], None], *what: str) -> None:
        """Names who takes things of some kinds."""
        self.takers.update(dict.fromkeys(what, taker))

    async def perform(self) -> None:
        """Gives everything; things that nobody takes decide nothing."""
        for given in self.run.given:
            await self._until_due(given)
            taker = self.takers.get(given.what)
            if taker is not None and not given.done:
                taker(given)

    async def _until_due(self, given: Given) -> None:
        due = self.zero + given.at_s
        await asyncio.sleep(max(0.0, due - self.clock.monotonic()))
        while self._comes_before_its_decision(given) and self.clock.monotonic() < due + PATIENCE_S:  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(LOOK_EVERY_S)
        await asyncio.sleep(0)

    def _comes_before_its_decision(self, given: Given) -> bool:
        return not given.done and self.decided() < given.after
