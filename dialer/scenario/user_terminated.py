"""User Terminated Immediate, customer first: the system calls the customer, then brings in an agent.

    dial the customer ─► who answered? ─► a person: treatments while an agent is found ─► bridge ─► talk ─► done
                               └─► nobody, machine, tone, fax …: treatment if any ─► retry by policy, or end

Source: Callback User's Guide, "User Terminated Immediate"; transitions T30 to T39 and T73 of records.md §3.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.state import Actor
from dialer.routing import parse_target
from dialer.scenario.agent_leg import AgentOnLine, AgentSearch, NoAgentReached
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.confirm import ASKED, Confirmation
from dialer.scenario.customer import CustomerCall
from dialer.scenario.outcome import result_of_leaving
from dialer.scenario.race import LegGone, while_up
from dialer.scenario.treating import Treating
from dialer.store import AttemptConflict


class NoAgentInTime(Exception):  # noqa: N818 - says what happened, nothing is wrong
    """Nobody answered for the customer within `max_wait_on_call` (T39)."""


@dataclass(slots=True)
class UserTerminated(CallAttempt):
    """Customer first."""

    async def _attempt(self) -> None:
        start = await Confirmation(self.house, self.service, self.ledger).start("T30")
        if start is None:
            self.again_in_s = 0.0
            return
        try:
            await self.ledger.begin_attempt(start.event, actor=start.actor, note=start.note)
        except AttemptConflict:
            if start.event != ASKED:
                raise
            self.again_in_s = await Confirmation(self.house, self.service, self.ledger).number_is_busy()
            return
        if await self._forbidden():
            return
        customer = self.customer = await CustomerCall.dial(
            self.house, self.service, self.story, self.callback, self._dial_request()
        )
        self.outcome = await customer.reach()
        if self.outcome.connect:
            await self._serve(customer)
        else:
            await self._end_unreached(customer)

    # --- a person ---

    async def _serve(self, customer: CustomerCall) -> None:
        """The customer is on the line: treatments until an agent is there, then the talk."""
        customer.stop_listening()
        treating = Treating(self.house, self.service, self.story, customer)
        treating.start_waiting()
        try:
            await self._reached()
            self.agent = await self._find_agent(customer)
            await self._talk(customer, self.agent, treating)
        except LegGone as gone:
            self.outcome = replace(self.outcome, end=gone.end)
            left = result_of_leaving(gone.end)
            await self._complete("T38", left, Reason.FAIL_INTERACTION_DELETED, "customer_hangup", Actor.CUSTOMER)
        except NoAgentReached as failure:
            await self._give_up_search(
                treating, "T37", CallResult.TRANSFER_ERROR, Reason.FAIL_AGENT_CONNECT, failure.last_error
            )
        except NoAgentInTime:
            self.story.tell("timer", f"no agent within {self.service.max_wait_on_call} s")
            await self._give_up_search(
                treating, "T39", CallResult.DROPPED, Reason.FAIL_TARGET_NOT_FOUND, "on_call_wait"
            )
        finally:
            await treating.stop()

    async def _reached(self) -> None:
        """Tells the record that a person is on the line."""
        await self.ledger.reached(self.result())

    async def _find_agent(self, customer: CustomerCall) -> AgentOnLine:
        search = AgentSearch(self.house, self.service, self.ledger, parse_target(self.callback.target))
        try:
            async with asyncio.timeout(self.service.max_wait_on_call):
                return await while_up(customer.leg, search.find())
        except TimeoutError as late:
            raise NoAgentInTime from late
        finally:
            self.agent = search.on_line  # whoever answered is released with the rest, also when nobody waits any more

    async def _give_up_search(
        self, treating: Treating, event: str, result: CallResult, reason: Reason, detail: str
    ) -> None:
        """No agent: says so to the customer, hangs up, completes."""
        assert self.customer is not None
        await self._stop_ringing("given up")
        await treating.no_agent()
        self.outcome = replace(self.outcome, end=await self.customer.hang_up())
        await self._complete(event, result, reason, detail)
