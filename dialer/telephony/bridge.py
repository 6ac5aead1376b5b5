"""Legs joined: two that talk, or a conference of more. All hear each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dialer.telephony.engine import Engine
    from dialer.telephony.leg import Leg

FEWEST = 2  # legs that make a conversation


class Bridge:
    """A joint of two legs. It ends when one of them ends, or by unbridge().

    What becomes of the other leg is the caller's affair.

    Attributes:
        ended: settles when the legs no longer hear each other.
        joined_at: monotonic time when the joint was handed to the conference bridge.
    """

    def __init__(self, engine: Engine, one: Leg, other: Leg, joined_at: float) -> None:
        self._engine = engine
        self.legs = (one, other)
        self.joined_at = joined_at
        self.ended: asyncio.Future[None] = engine.loop.create_future()
        for leg in self.legs:
            leg.ended.add_done_callback(self._leg_ended)

    async def unbridge(self) -> None:
        """Parts the legs; both stay up. Nothing happens when the bridge has ended."""
        if not self.ended.done():
            self._settle()
            one, other = self.legs
            await self._engine.part([one], [other])

    def _leg_ended(self, _: object) -> None:
        self._settle()

    def _settle(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Conference:
    """A joint of any number of legs, which may come and go. A leg that ends leaves it.

    What becomes of the legs is the caller's affair.

    Attributes:
        ended: settles when fewer than two legs are left, or by end().
        joined_at: monotonic time when the first joint was handed to the conference bridge.
    """

    def __init__(self, engine: Engine, legs: Sequence[Leg], joined_at: float) -> None:
        self._engine = engine
        self._legs: list[Leg] = []
        self.joined_at = joined_at
        self.ended: asyncio.Future[None] = engine.loop.create_future()
        for leg in legs:
            self._take(leg)
        self._settle_when_few()

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Who is in it now."""
        return tuple(self._legs)

    async def add(self, leg: Leg) -> None:
        """Lets a leg hear, and be heard by, all others; a joint that it had elsewhere is undone."""
        if self.ended.done() or leg in self._legs or leg.ended.done():
            return
        self._take(leg)
        await self._engine.join(self._legs)

    async def remove(self, leg: Leg) -> None:
        """Parts a leg from all others; it stays up."""
        if leg in self._legs:
            self._legs.remove(leg)
            await self._engine.part([leg], self._legs)
            self._settle_when_few()

    async def end(self) -> None:
        """Parts all legs; they stay up."""
        legs, self._legs = self._legs, []
        self._settle_when_few()
        await self._engine.part(legs, legs)

    def _take(self, leg: Leg) -> None:
        self._legs.append(leg)
        leg.ended.add_done_callback(lambda _: self._gone(leg))

    def _gone(self, leg: Leg) -> None:
        if leg in self._legs:
            self._legs.remove(leg)
            self._settle_when_few()

    def _settle_when_few(self) -> None:
        if len(self._legs) < FEWEST and not self.ended.done():
            self.ended.set_result(None)
