"""User Terminated, agent first: an agent is reserved and called, then the system calls the customer for that agent.

    agent reserved ─► preview, if asked for ─► agent on the line, hears ringing ─► dial the customer ─► who answered?
                                    ├─► a person: bridge ─► talk ─► done
                                    └─► nobody, machine, tone, fax …: the agent is free; retry by policy, or end

The agent is reserved before anything happens, in the same step that takes the callback out of the queue: no agent
Ready, no start. Source: options.md §2.7; transitions T40 to T47 of records.md §3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.state import Phase, State
from dialer.callback.treatment import Treatment
from dialer.routing import Ageing, Agent, AgentState, parse_target
from dialer.scenario.agent_leg import AgentOnLine, AgentSearch
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.confirm import Confirmation, Start
from dialer.scenario.customer import CustomerCall
from dialer.scenario.follow_up import complete_or_retry
from dialer.scenario.outcome import Outcome, result_of_leaving
from dialer.scenario.preview import Preview
from dialer.scenario.race import LegGone, while_up
from dialer.scenario.treating import Treating
from dialer.store import AttemptConflict
from dialer.telephony import Playlist, UnplayableSound

RINGBACK = Treatment(file="GMSApplications/ringback.wav")
NUMBER_BUSY = "the number is on another call"
NUMBER_BUSY_WAIT_S = 1.0
ASKED_AGAIN_S = 0.5  # after a telephone that failed: the next agent is rung at once, the same one is not Ready


class AgentTelephone(AgentSearch):
    """Rings the one agent who is reserved already: T40 or T43a said so."""

    async def _tell_ringing(self, agent: Agent) -> None:
        pass


@dataclass
class AgentFirst(CallAttempt):
    """Agent first.

    Attributes:
        reserved: the agent for whom the customer is called.
        ready_mono: when that agent was reserved.
    """

    reserved: Agent | None = None
    ready_mono: float = 0.0

    @property
    def needs_agent(self) -> bool:
        """False: it has its agent, who is Ready for nobody else."""
        return False

    def reserve(self) -> bool:
        """Reserves the longest idle Ready agent who matches; one who has not rejected this callback comes first."""
        rejecters = set(self.callback.agents_rejected)
        if not self._reserve_but(rejecters) and rejecters:
            self._reserve_but(set())
        self.ready_mono = self.house.clock.monotonic()
        return self.reserved is not None

    def _reserve_but(self, excluded: set[str]) -> bool:
        house, callback, now = self.house, self.callback, self.house.clock.now()
        queued_at = callback.queued_at or callback.created_at
        got: list[Agent] = []
        request = house.router.request(
            callback.id,
            house.router.walks.of(callback.id, parse_target(callback.target), queued_at, now),
            callback.priority,
            queued_at,
            now=now,
            exclude=excluded,
            on_reserved=got.append,
            ageing=Ageing.of(self.service),
            release_delay_s=self.service.agent_release_delay_ms / 1000,
        )
        if not got:
            house.router.cancel(request, now)
            return False
        self.reserved = got[0]
        return True

    async def _attempt(self) -> None:
        agent = self.reserved
        assert agent is not None
        if await self.house.store.is_called(self.callback.number):
            raise AttemptConflict(self.callback.id, self.callback.number)
        self.story.given(
            "routing", f"agent {agent.id} reserved, longest idle of those who match", "agent", agent=agent.id
        )
        start = await Confirmation(self.house, self.service, self.ledger).start("T40")
        if start is None:
            self.again_in_s = 0.0
            return
        if await self.house.store.is_forbidden(self.callback.number):
            await self._forbidden_at_once(start)
            return
        if self.service.preview and not await self._accepts(agent, start):
            return
        on_line = await self._call_agent(agent, start)
        if on_line is not None and await self._begin(on_line):
            await self._call_customer(on_line)

    async def _forbidden_at_once(self, start: Start) -> None:
        """Nobody is rung for a customer who must not be called; the record goes its way all the same."""
        await self.ledger.move(start.event, to=(State.ROUTING, Phase.AGENT_RING), actor=start.actor, note=start.note)
        await self.ledger.begin_attempt("T43")
        await self._forbidden()

    # --- the agent ---

    async def _accepts(self, agent: Agent, start: Start) -> bool:
        """Asks the agent first; else the callback goes back to its place in the queue, or has ended."""
        preview = Preview(self.house, self.service, self.ledger, agent, start)
        try:
            return await preview.ask()
        finally:
            self.agent_next, self.agent_next_reason = preview.next_state, preview.next_reason
            if not preview.ended:
                self.again_in_s = self.service.preview_reject_delay

    async def _call_agent(self, agent: Agent, start: Start) -> AgentOnLine | None:
        """Brings the agent to the telephone; None when that failed, and the next one is due (T47)."""
        self.again_in_s = None
        if not self.service.preview:
            await self.ledger.move(
                start.event, to=(State.ROUTING, Phase.AGENT_RING), actor=start.actor, note=start.note, agent_id=agent.id
            )
        telephone = AgentTelephone(self.house, self.service, self.ledger, parse_target(self.callback.target))
        self.story.tell("routing", f"calls agent {agent.id}", agent=agent.id)
        try:
            on_line = self.agent = await telephone.ring(agent, self.ready_mono)
        finally:
            self.agent = telephone.on_line or self.agent
        if on_line is None:
            await self._agent_failed(telephone.last_error)
        return on_line

    async def _agent_failed(self, error: str) -> None:
        """Back into the queue for the next agent, or over after too many tries."""
        tries = 1 + await self._failed_before()
        if tries >= self.service.max_transfer_attempts:
            await self.ledger.move(
                "T47", to=(State.COMPLETED, None), note=f"try {tries}", reason=Reason.FAIL_AGENT_CONNECT,
                reason_detail=error or "no answer", call_result=CallResult.TRANSFER_ERROR,
            )  # fmt: skip
        else:
            await self.ledger.move("T47", to=(State.QUEUED, Phase.WAITING), note=error)
            self.again_in_s = ASKED_AGAIN_S

    async def _failed_before(self) -> int:
        """How many agents' telephones failed in a row before this one."""
        failed = 0
        for entry in reversed(await self.house.store.history(self.callback.id)):
            if entry.event == "T43":
                break
            failed += entry.event == "T47" and entry.note != NUMBER_BUSY
        return failed

    async def _begin(self, on_line: AgentOnLine) -> bool:
        """Commits the attempt; False when somebody else is calling this number just now."""
        try:
            await self.ledger.begin_attempt("T43")
        except AttemptConflict:
            await on_line.leg.hangup("normal")
            await self.ledger.move("T47", to=(State.QUEUED, Phase.WAITING), note=NUMBER_BUSY)
            self.again_in_s = NUMBER_BUSY_WAIT_S
            return False
        return True

    # --- the customer ---

    async def _call_customer(self, agent: AgentOnLine) -> None:
        """Dials the customer while the agent hears ringing; nobody is called for an agent who has left."""
        if agent.leg.end is not None:
            self._agent_left()
            self.outcome = Outcome(CallResult.DROPPED_NO_ANSWER)
            await complete_or_retry(self.ledger, self.service, self.house, self.result())
            return
        await self._ring_back(agent)
        customer = self.customer = await CustomerCall.dial(
            self.house, self.service, self.story, self.callback, self._dial_request()
        )
        try:
            self.outcome = await while_up(agent.leg, customer.reach())
        except LegGone:
            await self._end_without_agent(customer)
        else:
            await self._go_on(customer, agent)

    async def _go_on(self, customer: CustomerCall, agent: AgentOnLine) -> None:
        if not self.outcome.connect:
            await self.let_agent_go("normal")  # not kept waiting while a machine is spoken to
            await self._end_unreached(customer)
        elif agent.leg.end is not None:
            await self._end_without_agent(customer)
        else:
            await self._serve(customer, agent)

    async def _serve(self, customer: CustomerCall, agent: AgentOnLine) -> None:
        """A person answered: joined with the agent at once, after a word of welcome where the service has one."""
        customer.stop_listening()
        treating = Treating(self.house, self.service, self.story, customer)
        try:
            await while_up(agent.leg, treating.welcome())
        except LegGone:
            await self._end_without_agent(customer)
            return
        try:
            await self._join(customer, agent, treating)
        except LegGone as gone:
            self.outcome = replace(self.outcome, result=result_of_leaving(gone.end), end=gone.end)
            await complete_or_retry(self.ledger, self.service, self.house, self.result())
            return
        await self.ledger.reached(self.result(), "T44")
        await self._converse(customer, agent)

    async def _end_without_agent(self, customer: CustomerCall) -> None:
        """The agent hung up: a customer who has answered is told so, one who has not is called again for another."""
        self._agent_left()
        if customer.leg.is_answered and customer.leg.end is None:
            customer.stop_listening()
            await Treating(self.house, self.service, self.story, customer).no_agent()
            result = CallResult.TRANSFER_ERROR
        else:
            result = CallResult.DROPPED_NO_ANSWER
        end = await customer.hang_up("agent_left")
        self.outcome = replace(self.outcome, result=result, end=end, answered_at=customer.answered_at)
        await complete_or_retry(self.ledger, self.service, self.house, self.result())

    def _agent_left(self) -> None:
        """Not rung again before saying so: the next callback would fare no better."""
        assert self.reserved is not None
        self.story.tell("routing", f"agent {self.reserved.id} hung up before the customer was there")
        self.agent_next, self.agent_next_reason = AgentState.NOT_READY, "hung up before the customer answered"

    async def _ring_back(self, agent: AgentOnLine) -> None:
        """The agent hears ringing until the customer is there."""
        path = await self.house.library.locate(RINGBACK)
        if path is not None:
            try:
                await agent.leg.play(Playlist(files=(path,), loop=True))
            except UnplayableSound as fault:
                self.story.tell("treatment", f"agent: {path.name} cannot be played: {fault.why}")

    def _timings(self, agent: AgentOnLine, joined_mono: float) -> dict[str, float]:
        """From the verdict that a person is there, for the agent waits already."""
        assert self.customer is not None
        heard = self.customer.verdict_mono or self.customer.answered_mono or joined_mono
        return {
            "agent_ready_to_invite_ms": round((agent.invited_mono - agent.ready_mono) * 1000, 1),
            "verdict_to_joined_ms": round((joined_mono - heard) * 1000, 1),
        }

    async def let_agent_go(self, cause: str = "normal") -> None:
        """Ends the agent's part, on the line or only reserved."""
        await super().let_agent_go(cause)
        if self.reserved is not None:
            self._free(self.reserved)
