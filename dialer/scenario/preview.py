"""Preview: the agent sees the callback before anybody is called, and takes it or leaves it.

    agent reserved ─► asked, with the data ─► accepts ─► the agent's telephone is called
                                     ├─► rejects ─► the next agent, after a moment; at the limit the callback ends
                                     └─► says nothing ─► Not Ready, if the service wants that; the next agent

Source: options.md §2.7; transitions T40 to T43a of records.md §3; checklist A-20.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from dialer.callback.options import ServiceOptions
from dialer.callback.reason import preview_reason
from dialer.callback.state import Actor, Phase, State
from dialer.events import PreviewClosed, PreviewOffered
from dialer.events.wire import call_of
from dialer.routing import Agent, AgentState
from dialer.scenario.confirm import Start
from dialer.scenario.desk import PreviewAnswer, Question
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger

ASKED = (State.ROUTING, Phase.AGENT_PREVIEW)
IN_QUEUE = (State.QUEUED, Phase.WAITING)
ANSWERS = frozenset({"accepted", "rejected"})  # the agent's own words; the rest is ours


@dataclass(slots=True)
class Preview:
    """One preview of one callback by one agent, who is reserved for it.

    Attributes:
        start: the transition by which it begins, T40 or T61.
        next_state: what the agent does when the preview has not led to a call.
        next_reason: why, for Not Ready.
        ended: the callback is completed, by too many rejects.
    """

    house: House
    service: ServiceOptions
    ledger: Ledger
    agent: Agent
    start: Start
    next_state: AgentState = AgentState.READY
    next_reason: str = ""
    ended: bool = False

    async def ask(self) -> bool:
        """Asks the agent; True when the callback was accepted (T43a), else it has gone back (T41) or ended (T42)."""
        start = self.start
        await self.ledger.move(start.event, to=ASKED, actor=start.actor, note=start.note, agent_id=self.agent.id)
        answer = await self._answer()
        if answer is None:
            await self._timed_out()
        elif answer.accepted:
            self._told("accepted")
            await self.ledger.move("T43a", actor=Actor.AGENT)
        else:
            await self._rejected(answer.reason)
        return answer is not None and answer.accepted

    async def _answer(self) -> PreviewAnswer | None:
        """The agent's answer; None when there was none in time."""
        house, limit = self.house, self.service.preview_timeout
        callback, until = self.ledger.callback, house.clock.now() + timedelta(seconds=limit)
        question: Question[PreviewAnswer] = Question(
            self.agent.id,
            callback,
            until,
            asyncio.get_running_loop().create_future(),
            data=call_of(callback, self.service.preview_keys),
            may_reject=self.service.preview_max_rejects > 0,
        )
        house.pool.set_state(self.agent.id, AgentState.PREVIEW, house.clock.now(), callback.id)
        self.ledger.story.tell("routing", f"agent {self.agent.id} is asked, for {limit:g} s", agent=self.agent.id)
        with house.desk.asks_preview(question):
            house.bus.publish(PreviewOffered(self.agent.id, callback, question.data, until))
            try:
                async with asyncio.timeout(limit):
                    return await question.answer
            except TimeoutError:
                return None
            except asyncio.CancelledError:
                self._told("withdrawn")
                raise

    async def _rejected(self, why: str) -> None:
        """The agent is free for others; the callback goes on to the next one, or has been rejected too often."""
        self._told("rejected", why)
        rejected = (*self.ledger.callback.agents_rejected, self.agent.id)
        if len(rejected) >= self.service.preview_max_rejects:
            self.ended = True
            await self.ledger.move(
                "T42", actor=Actor.AGENT, note=why, reason=preview_reason(len(rejected)), agents_rejected=rejected
            )
        else:
            await self.ledger.move("T41", actor=Actor.AGENT, note=why, agents_rejected=rejected)

    async def _timed_out(self) -> None:
        """No reject, but whoever does not answer is not asked again before saying so (N-15)."""
        self._told("timeout")
        if self.service.preview_timeout_not_ready:
            self.next_state, self.next_reason = AgentState.NOT_READY, self.service.preview_not_ready_reason
        await self.ledger.move("T41", note=f"no answer within {self.service.preview_timeout:g} s")

    def _told(self, how: str, why: str = "") -> None:
        words = f"agent {self.agent.id}: preview {how}" + (f" ({why})" if why else "")
        if how in ANSWERS:
            self.ledger.story.given("routing", words, "preview", agent=self.agent.id, preview=how, why=why)
        else:
            self.ledger.story.tell("routing", words, agent=self.agent.id, preview=how)
        self.house.bus.publish(PreviewClosed(self.agent.id, self.ledger.callback.id, how, self.house.clock.now()))
