"""What follows a talk: the survey for a customer who stayed, the agent's disposition, the end of the callback.

    talk over ─┬─ the customer has hung up, or there is no survey ─► the customer's leg ends
               └─ the agent has hung up ─► the customer goes to the survey route point
               meanwhile: disposition wanted ─► agent in WRAP_UP ─► code, or OK after a while ─► T73, SNOOZE: T70

Source: options.md §2.1, §2.7; transitions T70, T72 and T73 of records.md §3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.callback.state import Actor
from dialer.events import DispositionDue
from dialer.routing import AgentState
from dialer.scenario.desk import Disposition, Question
from dialer.scenario.snooze import snooze
from dialer.scenario.survey import survey, survey_point

if TYPE_CHECKING:
    from dialer.scenario.agent_leg import AgentOnLine
    from dialer.scenario.attempt import CallAttempt
    from dialer.scenario.customer import CustomerCall

SNOOZE = "SNOOZE"
DO_NOT_CALL = "DO_NOT_CALL"
RESULTS = {
    "WRONG_PARTY": CallResult.WRONG_PARTY,
    DO_NOT_CALL: CallResult.DO_NOT_CALL,
    "WRONG_NUMBER": CallResult.WRONG_NUMBER,
}
"""Codes that replace the call's result; OK and the operator's own codes leave it."""


@contextmanager
def asked_what_came_of_it(attempt: CallAttempt, agent: AgentOnLine) -> Iterator[Question[Disposition] | None]:
    """Lets the agent give a disposition from the beginning of the talk on, where the service wants one."""
    if not attempt.service.disposition:
        yield None
        return
    answer: asyncio.Future[Disposition] = asyncio.get_running_loop().create_future()
    answer.add_done_callback(lambda done: None if done.cancelled() else _told(attempt, done.result()))
    question = Question(agent.agent.id, attempt.ledger.callback, None, answer)
    with attempt.house.desk.asks_disposition(question):
        yield question


def _told(attempt: CallAttempt, said: Disposition) -> None:
    """Keeps that the agent has said something; the words themselves are the record's, not the story's."""
    attempt.story.given("routing", f"agent says {said.code}", "disposition", code=said.code, snooze_s=said.snooze_s)


async def after_talk(
    attempt: CallAttempt, customer: CustomerCall, who: Actor, question: Question[Disposition] | None
) -> None:
    """Ends the callback after its talk.

    Args:
        attempt: whose talk it was.
        customer: still on the line when the agent has hung up.
        who: ended the talk.
        question: for the agent's disposition; None: nobody is asked.
    """
    if attempt.agent is not None:
        await attempt.agent.leg.hangup("normal")
    point = survey_point(attempt) if who is Actor.AGENT and customer.leg.end is None else None
    if point is None:
        attempt.outcome = replace(attempt.outcome, end=await customer.hang_up())
        await _end(attempt, who, question)
        return
    surveying = asyncio.create_task(survey(attempt, customer, point), name=f"survey-{attempt.callback.id}")
    try:
        await _end(attempt, who, question)
        await surveying
    finally:
        surveying.cancel()
        await asyncio.gather(surveying, return_exceptions=True)
    attempt.outcome = replace(attempt.outcome, end=await customer.hang_up())
    await attempt.ledger.close_attempt(attempt.result())


async def _end(attempt: CallAttempt, who: Actor, question: Question[Disposition] | None) -> None:
    """The disposition, when one is wanted, and the end of the callback; the agent is free then."""
    if question is None or attempt.agent is None:
        await _move(attempt, "T73", who, reason=Reason.AGENT_CONNECTED, reason_detail="talked")
    else:
        given = await _disposition(attempt, who, question)
        actor = Actor.ENGINE if given is None else Actor.AGENT
        await conclude(attempt, given or Disposition(), actor)
    await attempt.let_agent_go()


async def _disposition(attempt: CallAttempt, who: Actor, question: Question[Disposition]) -> Disposition | None:
    """What the agent says, during the talk or after it; None when nothing was said in time."""
    if question.answer.done():
        return question.answer.result()
    assert attempt.agent is not None
    house, agent_id, limit = attempt.house, attempt.agent.agent.id, attempt.service.disposition_timeout
    await _move(attempt, "T72", Actor.CUSTOMER if who is Actor.CUSTOMER else Actor.AGENT)
    house.pool.set_state(agent_id, AgentState.WRAP_UP, house.clock.now(), attempt.callback.id)
    until = house.clock.now() + timedelta(seconds=limit)
    due = replace(question, agent_id=agent_id, callback=attempt.ledger.callback, until=until)  # of a transfer, the last
    try:
        with house.desk.asks_disposition(due):
            house.bus.publish(DispositionDue(agent_id, due.callback, until))
            async with asyncio.timeout(limit):
                return await asyncio.shield(due.answer)
    except TimeoutError:
        attempt.story.tell("timer", f"no disposition by agent {agent_id} within {limit:g} s, taken as OK")
        return None


async def conclude(attempt: CallAttempt, disposition: Disposition, actor: Actor) -> None:
    """Ends a callback whose talk is over by what the agent says came of it."""
    code, house, callback = disposition.code, attempt.house, attempt.ledger.callback
    attempt.story.tell("state", f"disposition {code}", disposition=code)
    if code == SNOOZE:
        await attempt.let_agent_go()  # before the record says that the call is over, and others act upon it
        left = attempt.customer is None or attempt.customer.leg.end is not None
        result = attempt.result(CallResult.CLEARED) if left else None
        await snooze(attempt.ledger, result, Actor.AGENT, delay_s=disposition.snooze_s)
        return
    if code == DO_NOT_CALL:
        await house.store.forbid_number(callback.number, now=house.clock.now(), callback_id=callback.id)
    outcome = RESULTS.get(code, attempt.outcome.result)
    await _move(
        attempt, "T73", actor, reason=Reason.AGENT_CONNECTED, reason_detail=f"disposition:{code}", call_result=outcome,
        props={**callback.props, **_kept(disposition)},
    )  # fmt: skip


def _kept(disposition: Disposition) -> dict[str, str]:
    """The agent's words, as properties of the callback."""
    words = {"_disposition_category": disposition.category, "_disposition_note": disposition.note}
    return {key: text for key, text in words.items() if text}


async def _move(attempt: CallAttempt, event: str, actor: Actor, **changes: Any) -> None:
    """A transition, together with the attempt's end when the customer's leg has ended and it is still open."""
    customer = attempt.customer
    if attempt.ledger.attempt is None or customer is None or customer.leg.end is None:
        await attempt.ledger.move(event, actor=actor, **changes)
    else:
        await attempt.ledger.end_attempt(event, attempt.result(), actor=actor, **changes)
