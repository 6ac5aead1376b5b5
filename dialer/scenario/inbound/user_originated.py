"""User Originated: the customer calls a number that we gave, and an agent is brought in.

    booked ─► T50 waits for the call ─► the customer calls and is matched (T52) ─► treatments while an agent is found
                      └─► nobody calls in time: T53, T54                          ─► bridge ─► talk ─► done

Source: Callback User's Guide, "Click-To-Call-In"; transitions T50 to T54, then T35 to T39, of records.md §3.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from dialer.callback.call_in import CallInRequest
from dialer.callback.call_result import CallResult, DialResult
from dialer.callback.reason import Reason
from dialer.callback.record import AttemptResult
from dialer.callback.state import Actor
from dialer.scenario.customer import CustomerCall
from dialer.scenario.outcome import Outcome, result_of_leaving
from dialer.scenario.race import LegGone, while_up
from dialer.scenario.user_terminated import UserTerminated
from dialer.telephony import FirstRtp, IncomingLeg


class NoCallerMedia(Exception):  # noqa: N818 - says what happened, nothing is wrong
    """The customer's call is up, and not one RTP packet came of it."""


@dataclass(slots=True, kw_only=True)
class UserOriginated(UserTerminated):
    """The customer is on the line by a call of their own.

    Attributes:
        leg: that call, answered.
        request: what it was matched with.
        routed: set when the caller is to be connected; until then an application speaks with them.
    """

    leg: IncomingLeg
    request: CallInRequest
    routed: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, ani: str | None) -> None:
        """The match is committed with the attempt's row (T52); only then is the call this callback's.

        Raises:
            RequestGone, AttemptConflict, VersionConflict, InvalidTransition: when it cannot be; nothing has changed.
        """
        self.outcome = Outcome(CallResult.ANSWER, "off", answered_at=self.house.clock.now(), connect=True)
        await self.ledger.begin_called_in(self.request.id, ani, self.result())

    async def _attempt(self) -> None:
        customer = self.customer = CustomerCall(
            self.house, self.service, self.story, self.leg, language=self.callback.language
        )
        customer.answered_at = self.outcome.answered_at
        try:
            await while_up(self.leg, self.routed.wait())
            await self._until_heard()
            await self._serve(customer)
        except NoCallerMedia:
            await self._complete(
                "T38", CallResult.NO_ESTABLISHED, Reason.FAIL_INTERACTION_DELETED, "customer_hangup", Actor.CUSTOMER
            )
        except LegGone as gone:
            left = result_of_leaving(gone.end)
            await self._complete("T38", left, Reason.FAIL_INTERACTION_DELETED, "customer_hangup", Actor.CUSTOMER)
        finally:
            await self.house.store.complete_call_in(self.request.id, now=self.house.clock.now())

    def route(self, target: str = "", priority: int | None = None) -> None:
        """Has the caller connected now.

        Args:
            target: in place of the callback's own.
            priority: likewise.
        """
        callback = self.ledger.callback
        target, priority = target or callback.target, callback.priority if priority is None else priority
        self.callback = replace(self.callback, target=target, priority=priority)
        self.ledger.callback = replace(callback, target=target, priority=priority)
        self.routed.set()

    async def _until_heard(self) -> None:
        """Waits for the first RTP packet of the caller, at the longest `media_timeout`."""

        async def first_packet() -> None:
            async for event in self.leg.events():
                if isinstance(event, FirstRtp):
                    return

        if self.leg.timestamps.first_rtp is not None:
            return
        try:
            async with asyncio.timeout(self.service.media_timeout):
                await while_up(self.leg, first_packet())
        except TimeoutError as silent:
            self.story.tell("timer", f"no RTP within {self.service.media_timeout} s of the caller's match")
            raise NoCallerMedia from silent

    async def _reached(self) -> None:
        """The match (T52) has said it already."""

    def result(self, result: CallResult | None = None) -> AttemptResult:
        """The attempt as it is kept: the dial result says that the customer called (records.md §7)."""
        told = super(UserOriginated, self).result(result)
        failed = told.call_result is CallResult.NO_ESTABLISHED
        dial = (
            DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA if failed else DialResult.USERORIGINATED_CONNECTED
        )
        return replace(told, dial_result=dial)
