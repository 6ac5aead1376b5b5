"""Two legs joined: each hears the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine
    from dialer.telephony.leg import Leg


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
            await self._engine.unbridge(*self.legs)

    def _leg_ended(self, _: object) -> None:
        self._settle()

    def _settle(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
