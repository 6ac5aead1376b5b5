"""One attempt of one callback, whatever its call flow: what every scenario shares, and how it is ended from outside.

A scenario says its flow in `_attempt`; this says how it begins, talks, completes, and that no leg of it is left over.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason
from dialer.callback.record import AttemptResult, Callback
from dialer.callback.state import Actor, Phase, State, position_name
from dialer.routing import Agent, AgentState
from dialer.scenario.after_talk import after_talk, asked_what_came_of_it, conclude
from dialer.scenario.agent_leg import AgentOnLine
from dialer.scenario.customer import CustomerCall
from dialer.scenario.desk import Disposition
from dialer.scenario.follow_up import complete_or_retry
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger, Overtaken
from dialer.scenario.outcome import Outcome
from dialer.scenario.outward import outward_request, prefixed
from dialer.scenario.race import LegGone
from dialer.scenario.story import Story
from dialer.scenario.talk import TalkControl, talk
from dialer.scenario.treating import Treating
from dialer.telephony import DialRequest


class Interruption(StrEnum):
    """Why a running scenario is ended from outside."""

    CANCELLED = "cancelled"  # the record was completed by somebody else (T80, T81)
    MOVED = "moved"  # the record was snoozed or paused by somebody else (T70, T20)
    ABORTED = "aborted"  # its service was paused, and dials that ring are to be broken off
    SHUTDOWN = "shutdown"  # the node stops and its deadline has come


@dataclass(slots=True)
class CallAttempt(ABC):
    """One attempt of one callback, from QUEUED/waiting to its end or to the next retry.

    Attributes:
        interruption: set when it is ended from outside.
        customer: the customer's leg, once dialled.
        agent: the agent on the line, once there is one.
        outcome: what became of the customer's leg so far.
        control: commands of the talk, while there is one.
        agent_next, agent_next_reason: what the agent does when this attempt lets go of them.
        again_in_s: set when the callback went back into the queue on this node, seconds until it may be started again.
    """

    house: House
    callback: Callback
    interruption: Interruption | None = None
    customer: CustomerCall | None = None
    agent: AgentOnLine | None = None
    outcome: Outcome = field(default_factory=lambda: Outcome(CallResult.UNKNOWN))
    agent_next: AgentState = AgentState.READY
    agent_next_reason: str = ""
    again_in_s: float | None = None
    control: TalkControl | None = None
    service: ServiceOptions = field(init=False)
    story: Story = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        house = self.house
        self.service = house.config.options_for(self.callback)
        self.story = Story(self.callback.id, house.clock, house.bus, house.stories)
        self.ledger = Ledger(house, self.callback, self.story)

    @abstractmethod
    async def _attempt(self) -> None:
        """The call flow itself."""

    @property
    def needs_agent(self) -> bool:
        """True while its customer is dialled, or is on the line, without an agent: one more of them is spoken for."""
        return self.ledger.callback.phase in {Phase.WAITING, Phase.CONFIRM_WAIT, Phase.DIALING, Phase.AGENT_WAIT}

    @property
    def rings(self) -> bool:
        """True while its customer is being dialled and has not answered yet."""
        dialling = self.ledger.callback.phase in {Phase.DIALING, Phase.CUSTOMER_DIAL}
        return dialling and (self.customer is None or self.customer.answered_at is None)

    def reserve(self) -> bool:
        """Takes what it must have before it may start, in one step with its start; False: it may not start now."""
        return True

    async def run(self) -> None:
        """Makes the attempt. When it returns or raises, no leg of it is left."""
        try:
            await self._attempt()
            await self._see_that_it_ended()
        except Overtaken:
            await self._close_overtaken()
        except asyncio.CancelledError:
            if self.interruption is None:
                raise
            await self._interrupted()
        finally:
            await self._release_legs("normal")

    def _dial_request(self) -> DialRequest:
        dialled = prefixed(self.service, self.callback.number)
        return outward_request(self.house.config, self.service, self.callback.id, dialled)

    # --- nobody to talk to ---

    async def _forbidden(self) -> bool:
        """Ends the attempt of a number that is on the do-not-call list (51); False: it may be called."""
        if not await self.house.store.is_forbidden(self.callback.number):
            return False
        self.story.given("state", "the number is on the do-not-call list", "forbidden")
        self.outcome = Outcome(CallResult.DO_NOT_CALL)
        await complete_or_retry(self.ledger, self.service, self.house, self.result())
        return True

    async def _end_unreached(self, customer: CustomerCall) -> None:
        """Treats a machine, releases the leg, and plans what follows."""
        treating = Treating(self.house, self.service, self.story, customer)
        if self.outcome.is_machine:
            heard = await treating.machine()
            self.outcome = self.outcome.with_later_verdict(heard)
        self.outcome = replace(self.outcome, end=await customer.hang_up())
        await complete_or_retry(self.ledger, self.service, self.house, self.result())

    # --- the talk ---

    async def _talk(self, customer: CustomerCall, agent: AgentOnLine, treating: Treating) -> None:
        """Joins the two (T35); ends when the callback has ended."""
        await self._join(customer, agent, treating)
        await self.ledger.move("T35", actor=Actor.AGENT, agent_id=agent.agent.id)
        await self._converse(customer, agent)

    async def _join(self, customer: CustomerCall, agent: AgentOnLine, treating: Treating) -> None:
        """Lets the two hear each other.

        Raises:
            LegGone: when the customer hung up at the same moment.
        """
        _, bridge = await asyncio.gather(treating.stop(), self.house.user_agent.bridge(customer.leg, agent.leg))
        if customer.leg.end is not None:
            raise LegGone(customer.leg.end)  # hung up as the agent answered: nobody has talked
        timings = self._timings(agent, bridge.joined_at)
        customer.timings |= timings
        self.story.tell("media", f"customer and agent {agent.agent.id} joined", **timings)
        self._set_agent(AgentState.TALKING)

    def _timings(self, agent: AgentOnLine, joined_mono: float) -> dict[str, float]:
        """How long it took until the two heard each other, milliseconds."""
        return agent.timings(joined_mono)

    async def _converse(self, customer: CustomerCall, agent: AgentOnLine) -> None:
        """The conversation, until either side hangs up, and what follows it."""
        with asked_what_came_of_it(self, agent) as question:
            who = await talk(self, customer, agent)
            await after_talk(self, customer, who, question)

    async def _stop_ringing(self, why: str) -> None:
        """An agent who was being rung is not any more (T36); needed before the waiting itself can end."""
        if self.ledger.callback.phase is Phase.AGENT_RING:
            await self.ledger.move("T36", note=why)

    async def _complete(
        self, event: str, result: CallResult, reason: Reason, detail: str, actor: Actor = Actor.ENGINE
    ) -> None:
        assert self.customer is not None
        self.outcome = replace(self.outcome, end=await self.customer.hang_up())
        await self.ledger.end_attempt(
            event, self.result(result), actor=actor, reason=reason, reason_detail=detail, call_result=result
        )

    # --- ended from outside ---

    async def interrupt(self, why: Interruption, task: asyncio.Task[None]) -> None:
        """Ends the running scenario; `task` is the one that runs it."""
        self.interruption = why
        self.story.given("state", "", "interruption", why=str(why))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def fail(self, fault: Exception) -> None:
        """Completes the callback as FAIL_ERROR (T88) after an unhandled error; its legs are gone already."""
        reason, detail = Reason.FAIL_ERROR, type(fault).__name__
        if self.ledger.attempt is None:
            await self.ledger.move("T88", reason=reason, reason_detail=detail)
        else:
            result = self.result(CallResult.SYSTEM_ERROR)
            await self.ledger.end_attempt("T88", result, reason=reason, reason_detail=detail)

    async def _see_that_it_ended(self) -> None:
        """A flow that returns and leaves its callback in the middle ends it as NOT_AVAILABLE (T86)."""
        callback = self.ledger.callback
        left = callback.state is State.ROUTING or callback.phase in {Phase.CONFIRM_WAIT, Phase.DIALING}
        lost = callback.phase is Phase.WAITING and self.again_in_s is None
        if not (left or lost):
            return
        reason, detail = Reason.NOT_AVAILABLE, self.service.strategy
        await self._release_legs("normal")
        if self.ledger.attempt is None:
            await self.ledger.move("T86", reason=reason, reason_detail=detail)
        else:
            await self.ledger.end_attempt("T86", self.result(), reason=reason, reason_detail=detail)

    async def _interrupted(self) -> None:
        assert self.interruption is not None
        await self._release_legs(self.interruption)
        if self.interruption in {Interruption.CANCELLED, Interruption.MOVED}:
            await self._close_overtaken()
        else:
            await self._close_for_shutdown()

    async def _close_overtaken(self) -> None:
        """Somebody else moved the record on: the call is released, and the attempt gets 52 (T80), snoozed 19 (T70)."""
        await self._release_legs("cancelled")
        await self.ledger.read()
        self.story.tell("state", f"{position_name(self.ledger.callback.position)} from outside, the call is released")
        result = CallResult.CANCEL_RECORD if not self.ledger.callback.open else CallResult.CLEARED
        await self.ledger.close_attempt(self.result(result))

    async def _close_for_shutdown(self) -> None:
        """Released at the node's deadline: whoever has not talked to an agent yet is called again."""
        await self.ledger.read()
        callback = self.ledger.callback
        if callback.state is State.PROCESSING:
            await self._conclude_talk()
        elif self.ledger.attempt is None:
            if callback.state is State.ROUTING and callback.phase is not Phase.CUSTOMER_DIAL:
                await self.ledger.move("T91", actor=Actor.NODE, note="the node stops")
        elif callback.phase in {Phase.DIALING, Phase.CUSTOMER_DIAL}:
            self.outcome = replace(self.outcome, result=CallResult.DROPPED_NO_ANSWER)
            await complete_or_retry(self.ledger, self.service, self.house, self.result())
        elif callback.state is State.ROUTING:
            left = replace(self.result(CallResult.STALE), counted=False)
            await self.ledger.end_attempt("T91", left, actor=Actor.NODE, note="the node stops")
        elif callback.state is State.COMPLETED:
            await self.ledger.close_attempt(self.result())  # the customer was on the way to the survey

    async def _conclude_talk(self) -> None:
        """The talk, or the wrap-up after it, is cut short: the callback had reached its aim."""
        if self.ledger.callback.phase is Phase.DISPOSITION:
            await conclude(self, Disposition(), Actor.ENGINE)
        else:
            await self._complete("T73", self.outcome.result, Reason.AGENT_CONNECTED, "talked")

    async def _release_legs(self, cause: str) -> None:
        """No orphan legs: whatever happened, both legs end here."""
        await self.let_agent_go(cause)
        if self.customer is not None:
            end = await self.customer.hang_up(cause)
            self.outcome = replace(self.outcome, end=end)

    async def let_agent_go(self, cause: str = "normal") -> None:
        """Ends the agent's part; another callback may have them at once."""
        if self.agent is not None:
            agent, self.agent = self.agent, None
            await agent.leg.hangup(cause)
            await agent.signals.close()
            self._free(agent.agent)

    def _free(self, agent: Agent) -> None:
        house, now = self.house, self.house.clock.now()
        house.router.release(agent.id, now, self.agent_next, key=self.callback.id)
        if self.agent_next_reason and house.pool.is_in(agent.id, frozenset({self.agent_next})):
            house.pool.set_state(agent.id, self.agent_next, now, self.agent_next_reason)

    def result(self, result: CallResult | None = None) -> AttemptResult:
        """The attempt as the store keeps it, with a later result where one came of it."""
        if self.customer is None:
            return self.outcome.attempt_result(result, timings={})
        return self.outcome.attempt_result(result, timings=self.customer.timings, **self.customer.kept)

    def _set_agent(self, state: AgentState) -> None:
        assert self.agent is not None
        self.house.pool.set_state(self.agent.agent.id, state, self.house.clock.now())
