"""Nothing is ever left over: days of random answers, refusals, hang-ups, cancels and errors, agent first and not."""

from __future__ import annotations

import asyncio
import random

import pytest
from virtual_house import RINGS, Party, answers, refuses

from dialer.booking import InvalidState
from dialer.callback.state import State
from dialer.routing import AgentState
from dialer.scenario import Disposition, NotAsked, RejectNotAllowed

CALLBACKS = 10
PEOPLE = [f"120255501{n:02}" for n in range(12)]
SERVICES = {
    "customer first": "disposition = true",
    "agent first": 'first_party = "AGENT"',
    "preview": 'first_party = "AGENT"\npreview = true\npreview_timeout = 6',
    "everything": (
        'first_party = "AGENT"\npreview = true\npreview_timeout = 6\ndisposition = true\ndisposition_timeout = 9\n'
        'survey_route_point = "7777@P"'
    ),
}


def anybody(chance: random.Random) -> Party:
    """Somebody who answers, or does not, and hangs up at any moment."""
    answer_s = chance.uniform(0.1, 8)
    match chance.randrange(8):
        case 0:
            return RINGS
        case 1:
            return refuses(chance.choice([404, 408, 480, 486, 500, 503, 603]), chance.uniform(0.1, 5))
        case _:
            verdict = chance.choice(["human"] * 6 + ["machine", "silence", "fax"])
            hangs_up_s = answer_s + chance.expovariate(0.06)
            heard = (answer_s + chance.uniform(0.3, 3), "verdict", verdict)
            return answers(answer_s, heard, (hangs_up_s, "end", 200))


async def meddle(house, made: list[str], chance: random.Random) -> None:
    """Answers what is asked, cancels, sends agents home and brings them back, at random."""
    while True:
        await asyncio.sleep(chance.expovariate(0.4))
        now, chosen = house.house.clock.now(), chance.choice(made)
        match chance.randrange(8):
            case 0 | 1 | 2:
                for question in house.house.desk.previews():
                    answer = chance.choice([house.house.desk.accept, house.house.desk.reject])
                    answer(question.callback.id)
            case 3:
                try:
                    house.house.desk.dispose(chosen, Disposition(chance.choice(["OK", "SNOOZE", "WRONG_PARTY"])))
                except (NotAsked, RejectNotAllowed):
                    continue
            case 4:
                try:
                    await house.booking.cancel(chosen)
                except InvalidState:
                    continue
            case 5:
                agent = chance.choice(list(house.states()))
                house.house.pool.request_state(agent, AgentState.NOT_READY, now)
            case _:
                for agent in house.states():
                    house.house.pool.request_state(agent, AgentState.READY, now)


@pytest.mark.parametrize("service", SERVICES)
def test_random_days_leave_no_leg_no_agent_and_no_open_record(stage, service):
    async def scene(house):
        chance = random.Random(service)
        for number in [*PEOPLE, "7001", "7002", "7003", "7777"]:
            house.stage.parties[number] = [anybody(chance) for _ in range(60)]
        made = []
        for n in range(CALLBACKS):
            made.append(await house.book(f"+{PEOPLE[n % len(PEOPLE)]}"))
            await asyncio.sleep(chance.expovariate(0.5))
        meddling = asyncio.create_task(meddle(house, made, chance))
        done = [await house.completed(callback_id, within_s=3600) for callback_id in made]
        meddling.cancel()
        await asyncio.gather(meddling, return_exceptions=True)
        await asyncio.sleep(120)  # surveys end
        await house.clean()
        assert {callback.state for callback in done} == {State.COMPLETED}
        reasons = [callback.reason for callback in done]
        assert "FAIL_ERROR" not in reasons
        assert "AGENT_CONNECTED" in reasons, "nobody ever talked: the test proves nothing"
        for callback_id in made:
            await house.results(callback_id)

    agents = ("anna", "bert", "carl")
    options = "\nqueued_ttl = 1200\nagent_reserve_timeout = 7\nsnooze_delay = 20\nmax_wait_on_call = 30"
    stage(scene, service=SERVICES[service] + options, agents=agents)
