"""A callback whose customer dials in comes to the front: from now on its call is awaited (T50).

The number is known already (booked with the create), or the customer is told by push that it may be asked for.
Source: records.md T50, T51; options.md §2.8; checklist D-07, E-13, E-192, E-220.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dialer.scenario.attempt import CallAttempt


@dataclass(slots=True)
class CallAwaited(CallAttempt):
    """From waiting in the queue to waiting for the customer's call; that wait itself needs no task."""

    async def _attempt(self) -> None:
        if self.service.wait_for_agent and not self._booked():
            await self._tell_ready()
        else:
            await self.ledger.move("T50", note=f"number {self.callback.access.get('number', 'not booked')}")

    def _booked(self) -> bool:
        """Whether a number was handed out already: before a lost node, or a pause."""
        return "number" in self.callback.access

    async def _tell_ready(self) -> None:
        """The customer may ask for a number until the push expires."""
        until = self.house.clock.now() + timedelta(minutes=self.service.pushed_callback_expiry_min)
        expires = until.isoformat(timespec="milliseconds")
        await self.ledger.move("T50", note="ready", access={"expires_at": expires})
