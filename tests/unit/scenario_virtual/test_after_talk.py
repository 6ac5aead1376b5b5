"""After the talk, in virtual time: dispositions, do-not-call, snooze, survey."""

from __future__ import annotations

import asyncio

import pytest
from virtual_house import CUSTOMER, RINGS, answers, person, refuses

from dialer.callback.state import Phase, State
from dialer.events import DispositionDue
from dialer.routing import AgentState
from dialer.scenario import Disposition

AGENT_FIRST = 'first_party = "AGENT"'
DISPOSITION = "disposition = true"
SURVEY = 'survey_route_point = "7777@P"'
CALLED, SURVEYED, RUNG = "12025550100", "7777", "7001"


async def talked(house, made, who=RUNG):
    """Lets somebody hang up after a talk."""
    await house.until(made, Phase.TALKING)
    house.stage.far_hangs_up(who)


@pytest.mark.parametrize("first", ["", AGENT_FIRST])
@pytest.mark.parametrize(
    ("code", "result"),
    [("OK", 33), ("WRONG_PARTY", 40), ("WRONG_NUMBER", 53), ("DO_NOT_CALL", 51), ("SOLD-2", 33)],
)
def test_the_agents_code_replaces_the_result_and_leaves_the_reason(stage, first, code, result):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        await house.until(made, Phase.DISPOSITION)
        assert house.states()["anna"] is AgentState.WRAP_UP
        assert await house.results(made) == [(33, True)], "the call itself is over, and its result stays"
        house.house.desk.dispose(made, Disposition(code, "billing", "called about the bill"), "anna")
        done = await house.completed(made)
        assert (done.reason, done.reason_detail) == ("AGENT_CONNECTED", f"disposition:{code}")
        assert done.call_result == result
        assert done.props["_disposition_note"] == "called about the bill"
        assert (await house.events(made))[-2:] == ["T72", "T73"]
        assert [event.agent_id for event in house.told if isinstance(event, DispositionDue)] == ["anna"]
        assert await house.house.store.is_forbidden(CUSTOMER) is (code == "DO_NOT_CALL")
        await house.clean()
        assert house.states()["anna"] is AgentState.READY

    stage(scene, service=f"{first}\n{DISPOSITION}", anna=answers(), customer=person())


def test_a_disposition_that_is_not_given_is_taken_as_ok(stage):
    async def scene(house):
        made = await house.book()
        await talked(house, made, CALLED)
        await house.until(made, Phase.DISPOSITION)
        done = await house.completed(made)
        assert (done.reason_detail, done.call_result) == ("disposition:OK", 33)
        actors = [str(entry.actor) for entry in await house.house.store.history(made)]
        assert actors[-2:] == ["customer", "engine"]
        await house.clean()
        assert house.states()["anna"] is AgentState.READY

    stage(scene, service=f"{DISPOSITION}\ndisposition_timeout = 5", anna=answers(), customer=person())


def test_a_disposition_given_during_the_talk_needs_no_wrap_up(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.TALKING)
        house.house.desk.dispose(made, Disposition("WRONG_PARTY"))
        await asyncio.sleep(1)
        assert (await house.record(made)).phase is Phase.TALKING, "the talk goes on"
        await talked(house, made)
        done = await house.completed(made)
        assert (done.call_result, done.reason_detail) == (40, "disposition:WRONG_PARTY")
        assert (await house.events(made))[-1] == "T73"
        assert "T72" not in await house.events(made)
        await house.clean()

    stage(scene, service=DISPOSITION, anna=answers(), customer=person())


def test_snooze_puts_the_callback_off_and_calls_again(stage):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        await house.until(made, Phase.DISPOSITION)
        house.house.desk.dispose(made, Disposition("SNOOZE", snooze_s=30))
        callback = await house.until(made, Phase.SNOOZED)
        assert (callback.next_dial_at - house.house.clock.now()).total_seconds() == pytest.approx(30, abs=0.2)
        await asyncio.sleep(0.1)
        await house.clean()
        assert house.states()["anna"] is AgentState.READY
        await house.until(made, Phase.TALKING)
        house.stage.far_hangs_up(RUNG)
        await house.until(made, Phase.DISPOSITION)
        house.house.desk.dispose(made, Disposition())
        assert (await house.completed(made)).reason == "AGENT_CONNECTED"
        assert [event for event in await house.events(made) if event in {"T70", "T33"}] == ["T70", "T33"]
        await house.clean()

    stage(scene, service=f"{AGENT_FIRST}\n{DISPOSITION}", anna=answers(), customer=person())


@pytest.mark.parametrize("first", ["", AGENT_FIRST])
def test_the_customer_goes_to_the_survey_when_the_agent_has_hung_up(stage, first):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        done = await house.until(made, State.COMPLETED)
        assert done.reason == "AGENT_CONNECTED"
        await house.until_true(lambda: {leg.number for leg in house.stage.bridges[-1].legs} == {CALLED, SURVEYED})
        assert sorted(house.stage.up()) == [CALLED, SURVEYED]
        assert house.states()["anna"] is AgentState.READY, "not held while the customer answers questions"
        assert await house.house.store.is_called(CUSTOMER), "the number is not free before its call has ended"
        house.stage.far_hangs_up(SURVEYED)
        await house.completed(made)
        assert await house.results(made) == [(33, True)]
        assert (await house.record(made)).call_result == 33
        await house.clean()

    stage(scene, service=f"{first}\n{SURVEY}", anna=answers(), customer=person(), survey=answers(0.5))


def test_disposition_and_survey_go_on_at_the_same_time(stage):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        await house.until(made, Phase.DISPOSITION)
        await asyncio.sleep(2)
        assert sorted(house.stage.up()) == [CALLED, SURVEYED]
        house.house.desk.dispose(made, Disposition("DO_NOT_CALL"))
        done = await house.until(made, State.COMPLETED)
        assert done.call_result == 51
        house.stage.far_hangs_up(CALLED)
        await house.completed(made)
        assert (await house.record(made)).call_result == 51, "the agent's word stays"
        assert await house.results(made) == [(33, True)]
        await house.clean()

    stage(scene, service=f"{DISPOSITION}\n{SURVEY}", anna=answers(), customer=person(), survey=answers(0.5))


def test_a_customer_who_hung_up_is_not_asked(stage):
    async def scene(house):
        made = await house.book()
        await talked(house, made, CALLED)
        await house.completed(made)
        assert SURVEYED not in [request.number for request in house.stage.requests]
        await house.clean()

    stage(scene, service=SURVEY, anna=answers(), customer=person(), survey=answers(0.5))


@pytest.mark.parametrize("survey", [refuses(404), RINGS])
def test_a_survey_that_cannot_be_had_ends_the_customers_call(stage, survey):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        done = await house.completed(made)
        assert (done.reason, done.call_result) == ("AGENT_CONNECTED", 33)
        assert await house.results(made) == [(33, True)]
        await house.clean()

    stage(scene, service=SURVEY, anna=answers(), customer=person(), survey=survey)


@pytest.mark.parametrize("phase", [Phase.DISPOSITION, None])
def test_a_stop_of_the_node_after_the_talk_keeps_its_result(stage, phase):
    async def scene(house):
        made = await house.book()
        await talked(house, made)
        await house.until(made, phase or State.COMPLETED)
        await asyncio.sleep(1)
        await house.node.stop(0)
        done = await house.record(made)
        assert (done.state, done.reason, done.call_result) == (State.COMPLETED, "AGENT_CONNECTED", 33)
        assert await house.results(made) == [(33, True)]
        await house.clean()

    service = f"{DISPOSITION}\n{SURVEY}" if phase else SURVEY
    stage(scene, service=service, anna=answers(), customer=person(), survey=answers(0.5))
