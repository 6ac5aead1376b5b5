"""Brings in an agent: reserves the next matching one, rings the agent's phone, and goes on to another when that fails.

Source: scenario "User Terminated Immediate", stage "Connect to Agent"; transitions T35a to T39 of records.md §3.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from dialer.callback.options import ServiceOptions
from dialer.routing import Ageing, Agent, AgentState, Target
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger
from dialer.scenario.leg_story import LegStory, words_of_end
from dialer.scenario.signals import Signals
from dialer.telephony import DialRequest, Ended, Leg


class NoAgentReached(Exception):  # noqa: N818 - says what happened, nothing is wrong
    """Every allowed try to join an agent failed (T37)."""

    def __init__(self, tries: int, last_error: str) -> None:
        super().__init__(f"{tries} tries to reach an agent failed, the last one: {last_error}")
        self.tries = tries
        self.last_error = last_error


@dataclass(frozen=True, slots=True)
class AgentOnLine:
    """An agent who answered.

    Attributes:
        ready_mono, invited_mono, answered_mono: clock readings of reservation, INVITE and answer.
    """

    agent: Agent
    leg: Leg
    signals: Signals
    ready_mono: float
    invited_mono: float
    answered_mono: float

    def timings(self, joined_mono: float) -> dict[str, float]:
        """How long each step took, milliseconds."""
        return {
            "agent_ready_to_invite_ms": round((self.invited_mono - self.ready_mono) * 1000, 1),
            "agent_answer_to_joined_ms": round((joined_mono - self.answered_mono) * 1000, 1),
            "agent_ready_to_bridged_ms": round((joined_mono - self.ready_mono) * 1000, 1),
        }


@dataclass(slots=True)
class AgentSearch:
    """Looks for an agent for one waiting customer.

    Attributes:
        refused: ids of agents whose legs failed for this customer.
        last_error: why the last agent leg failed.
        on_line: the agent who answered, there also when nobody waited for it any more.
    """

    house: House
    service: ServiceOptions
    ledger: Ledger
    target: Target
    refused: set[str] = field(default_factory=set)
    last_error: str = ""
    on_line: AgentOnLine | None = None

    async def find(self) -> AgentOnLine:
        """Rings matching agents one after the other until one answers.

        Raises:
            NoAgentReached: after `max_transfer_attempts` failed tries.
        """
        tries = max(1, self.service.max_transfer_attempts)
        for attempt in range(1, tries + 1):
            agent, ready = await self._reserve()
            self.on_line = await self.ring(agent, ready)
            if self.on_line is not None:
                return self.on_line
            self.refused.add(agent.id)
            if attempt < tries:
                await self._tell_failed()
        raise NoAgentReached(tries, self.last_error)

    async def _reserve(self) -> tuple[Agent, float]:
        """Waits for the next matching Ready agent; reserved from that moment on."""
        story, callback = self.ledger.story, self.ledger.callback
        reserved: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        story.tell("routing", f"waits for an agent matching {self.target.text}")
        router, now = self.house.router, self.house.clock.now()
        queued_at = callback.queued_at or callback.created_at
        request = router.request(
            callback.id,
            router.walks.of(callback.id, self.target, queued_at, now),
            callback.priority,
            queued_at,
            now=now,
            exclude=self.refused,
            on_reserved=reserved.set_result,
            ageing=Ageing.of(self.service),
            reserve_timeout_s=self.service.agent_reserve_timeout or None,
            release_delay_s=self.service.agent_release_delay_ms / 1000,
        )
        try:
            agent = await asyncio.shield(reserved)
        except asyncio.CancelledError:
            self.house.router.cancel(request, self.house.clock.now())
            raise
        words = f"agent {agent.id} reserved, longest idle of those who match"
        story.given("routing", words, "agent", agent=agent.id)
        return agent, self.house.clock.monotonic()

    async def ring(self, agent: Agent, ready: float) -> AgentOnLine | None:
        """Rings one agent; None when the leg failed. The agent is Not Ready then: the phone is not answered."""
        self.last_error = ""
        self._set_state(agent, AgentState.RINGING)
        on_line: AgentOnLine | None = None
        try:
            leg = await self.house.user_agent.dial(self._request(agent))
            on_line = await self._until_answered(agent, leg, ready)
        finally:
            if on_line is None:
                self._free(agent)
        return on_line

    async def _until_answered(self, agent: Agent, leg: Leg, ready: float) -> AgentOnLine | None:
        """Waits for the answer of the agent who is rung; None when the leg failed, and it has ended then."""
        invited = self.house.clock.monotonic()
        signals = Signals(leg, LegStory(self.ledger.story, f"agent {agent.id}", leg.id).tell)
        answered: float | None = None
        try:
            await self._tell_ringing(agent)
            self.ledger.story.tell("routing", f"rings agent {agent.id}", agent=agent.id)
            answered = await self._answered_at(signals)
        finally:
            if answered is None:
                await leg.hangup("no_answer")
                await signals.close()
        return None if answered is None else AgentOnLine(agent, leg, signals, ready, invited, answered)

    async def _tell_ringing(self, agent: Agent) -> None:
        """Writes to the record whose telephone rings, and which item of the target list it has come to."""
        callback, now = self.ledger.callback, self.house.clock.now()
        queued_at = callback.queued_at or callback.created_at
        walk = self.house.router.walks.of(callback.id, self.target, queued_at, now)
        await self.ledger.move("T35a", agent_id=agent.id, target_index=walk.index)

    async def _tell_failed(self) -> None:
        """Writes to the record that this one did not answer and the next is looked for."""
        await self.ledger.move("T36", note=self.last_error)

    async def _answered_at(self, signals: Signals) -> float | None:
        """When the agent answered; None when the leg failed."""
        try:
            async with asyncio.timeout(self.service.agent_reserve_timeout):
                reply = await signals.answer_or_end()
        except TimeoutError:
            self.last_error = f"no answer within {self.service.agent_reserve_timeout} s"
            self.ledger.story.tell("timer", f"agent: {self.last_error}")
            return None
        if isinstance(reply, Ended):
            self.last_error = words_of_end(reply.end)
            return None
        return reply.at

    def _request(self, agent: Agent) -> DialRequest:
        callback = self.ledger.callback
        return DialRequest(
            gateway=agent.gateway or self.house.config.agent_gateway(self.service),
            number=phone_of(agent),
            from_user=callback.customer_number,
            display_name=callback.service,
            headers={"X-Callback-Id": callback.id},
        )

    def _set_state(self, agent: Agent, state: AgentState) -> None:
        self.house.pool.set_state(agent.id, state, self.house.clock.now())

    def _free(self, agent: Agent) -> None:
        """Ready again when the customer left; Not Ready when the phone failed, so that it is not rung again."""
        state = AgentState.NOT_READY if self.last_error else AgentState.READY
        self.house.router.release(agent.id, self.house.clock.now(), state, key=self.ledger.callback.id)


def phone_of(agent: Agent) -> str:
    """What is dialled to ring an agent: an extension of the gateway, or a whole SIP URI."""
    return agent.address if "@" in agent.address else agent.address.partition(":")[2]
