"""A callback whose customer dials in comes to the front: from now on its call is awaited (T50).

The number is known already (booked with the create), or the customer is told by push that it may be asked for.
Source: records.md T50, T51; options.md §2.8; checklist D-07, E-13, E-192, E-220.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dialer.callback.push import PushEvent
from dialer.callback.reason import unreached
from dialer.clock import stamp
from dialer.scenario.attempt import CallAttempt


@dataclass(slots=True)
class CallAwaited(CallAttempt):
    """From waiting in the queue to waiting for the customer's call; that wait itself needs no task."""

    @property
    def needs_agent(self) -> bool:
        """True while the customer is being told that an agent is there; who has a number may call whenever."""
        return self.service.wait_for_agent and super(CallAwaited, self).needs_agent

    async def _attempt(self) -> None:
        access = self.callback.access
        if access:  # booked with the create, or told before a lost node or a pause: not told again
            await self.ledger.move("T50", note=f"number {access['number']}" if "number" in access else "")
        else:
            await self._tell_ready()

    async def _tell_ready(self) -> None:
        """The customer may ask for a number until the push expires; who has no device asks without being told."""
        until = self.house.clock.now() + timedelta(minutes=self.service.pushed_callback_expiry_min)
        expires = stamp(until)
        if self.callback.push_targets:
            told = await self.house.pushes.deliver(self.callback, self.service, PushEvent.READY, {"expiresAt": expires})
            if not told.accepted:
                await self._not_told(told.detail)
                return
        await self.ledger.move("T50", note="told that it is ready", access={"expires_at": expires})

    async def _not_told(self, detail: str) -> None:
        reason = unreached(legacy_names=self.house.config.compat.legacy_reason_names)
        await self.ledger.move("T51", note=detail, reason=reason, reason_detail="push")
