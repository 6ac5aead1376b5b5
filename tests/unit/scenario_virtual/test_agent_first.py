"""Agent first in virtual time: every way from a reserved agent to the end, and that nothing is left of it."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs
from virtual_house import CUSTOMER, RINGS, answers, person, refuses

from dialer.callback.state import Phase, State
from dialer.routing import AgentState

AGENT_FIRST = 'first_party = "AGENT"'


def test_an_agent_is_called_first_then_the_customer_and_both_talk(stage):
    async def scene(house):
        made = await house.book()
        callback = await house.until(made, Phase.CUSTOMER_DIAL)
        assert house.stage.up() == ["7001", "12025550100"]
        assert ("7001", "ringback.wav") in house.stage.played
        assert len(await house.house.store.open_attempts()) == 1
        assert callback.agent_id == "anna"
        await house.until(made, Phase.TALKING)
        assert house.states()["anna"] is AgentState.TALKING
        house.stage.far_hangs_up("7001")
        done = await house.completed(made)
        assert (done.reason, done.reason_detail, done.call_result) == ("AGENT_CONNECTED", "talked", 33)
        assert await house.events(made) == ["T01", "T05", "T40", "T43", "T44", "T73"]
        assert await house.results(made) == [(33, True)]
        await house.clean()
        assert house.states()["anna"] is AgentState.READY

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=person())


def test_nobody_is_started_without_a_ready_agent_and_one_agent_serves_one_at_a_time(stage):
    async def scene(house):
        first, second = await house.book(), await house.book("+12025550101")
        house.stage.parties["12025550101"] = [person(hangs_up_s=6)]
        await house.until(first, Phase.TALKING)
        assert (await house.record(second)).phase is Phase.WAITING
        await house.completed(first)
        await house.completed(second)
        begun = [request.number for request in house.stage.requests]
        assert begun == ["7001", "12025550100", "7001", "12025550101"]
        await house.clean()

    stage(scene, service=AGENT_FIRST + "\nmax_queue_wait = 2", anna=answers(), customer=person(hangs_up_s=30))


def test_a_busy_customer_frees_the_agent_and_is_called_again_until_the_last_attempt(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.RETRY_WAIT)
        await house.clean()
        assert house.states()["anna"] is AgentState.READY
        done = await house.completed(made)
        assert (done.reason, done.reason_detail) == ("FAIL_CALL_TO_CUSTOMER", "call_result:6")
        assert await house.results(made) == [(6, True), (6, True)]
        assert await house.events(made) == ["T01", "T05", *["T40", "T43", "T45", "T33"], "T40", "T43", "T46"]

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=refuses(486))


def test_a_customer_who_never_answers_is_given_up_by_the_ring_timer(stage):
    async def scene(house):
        made = await house.book()
        done = await house.completed(made)
        assert done.reason_detail == "call_result:7"
        assert await house.results(made) == [(7, True), (7, True)]
        await house.clean()

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=RINGS)


def test_a_machine_gets_its_message_after_the_agent_is_free(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.CUSTOMER_DIAL)
        await house.until_true(lambda: ("12025550100", "call_fail_ans_machine.wav") in house.stage.played)
        assert house.states()["anna"] is AgentState.READY, "not kept waiting while a machine is spoken to"
        await house.until(made, Phase.RETRY_WAIT)
        assert await house.results(made) == [(9, True)]
        await house.clean()

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=answers(1, (2.5, "verdict", "machine")))


def test_the_next_agent_is_called_when_the_first_does_not_answer(stage):
    async def scene(house):
        made = await house.book()
        done = await house.completed(made)
        assert (done.reason, done.agent_id) == ("AGENT_CONNECTED", "bert")
        assert await house.events(made) == ["T01", "T05", "T40", "T47", "T40", "T43", "T44", "T73"]
        await house.clean()
        assert house.states() == {"anna": AgentState.NOT_READY, "bert": AgentState.READY}

    stage(
        scene, service=AGENT_FIRST + "\nagent_reserve_timeout = 10", agents=("anna", "bert"), anna=RINGS,
        bert=answers(), customer=person(hangs_up_s=10),
    )  # fmt: skip


def test_too_many_failed_agents_end_the_callback(stage):
    async def scene(house):
        made = await house.book()
        done = await house.completed(made)
        assert (done.reason, done.call_result) == ("FAIL_AGENT_CONNECT", 45)
        assert "486" in (done.reason_detail or "")
        assert await house.events(made) == ["T01", "T05", "T40", "T47", "T40", "T47"]
        assert await house.results(made) == []
        await house.clean()

    stage(
        scene, service=AGENT_FIRST + "\nmax_transfer_attempts = 2", agents=("anna", "bert"), anna=refuses(),
        bert=refuses(),
    )  # fmt: skip


def test_an_agent_who_hangs_up_before_the_answer_costs_the_customer_no_attempt(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.CUSTOMER_DIAL)
        house.stage.far_hangs_up("7001")
        done = await house.completed(made)
        assert (done.reason, done.agent_id, done.attempts) == ("AGENT_CONNECTED", "bert", 1)
        assert await house.results(made) == [(27, False), (33, True)]
        assert house.states()["anna"] is AgentState.NOT_READY
        assert house.reason("anna") == "hung up before the customer answered"
        await house.clean()

    stage(
        scene, service=AGENT_FIRST, agents=("anna", "bert"), anna=answers(), bert=answers(),
        customer=person(5, hangs_up_s=20),
    )  # fmt: skip


def test_a_customer_who_answered_as_the_agent_left_is_told_so(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.CUSTOMER_DIAL)
        await house.until_true(lambda: house.stage.leg_to("12025550100").is_answered)
        house.stage.far_hangs_up("7001")
        done = await house.completed(made)
        assert (done.reason, done.call_result) == ("FAIL_AGENT_CONNECT", 45)
        assert ("12025550100", "all_agents_busy.wav") in house.stage.played
        assert await house.events(made) == ["T01", "T05", "T40", "T43", "T46"]
        await house.clean()

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=person())


def test_the_customer_hears_the_welcome_before_the_agent(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.TALKING)
        assert ("12025550100", "customer_connect.wav") in house.stage.played
        house.stage.far_hangs_up("12025550100")
        assert (await house.completed(made)).reason == "AGENT_CONNECTED"
        await house.clean()

    welcome = "\ntreatment_customer_connect = 'GMSApplications/customer_connect.wav'"
    stage(scene, service=AGENT_FIRST + welcome, anna=answers(), customer=person())


@pytest.mark.parametrize(
    ("options", "gateway"),
    [
        ("", "pbx"),
        ('trunk_group = "telco"\nagent_first_via_tg = true', "telco"),
        ('trunk_group = "telco"\nagent_first_via_rp = true', "pbx"),
        ('trunk_group = "telco"', "pbx"),
    ],
)
def test_the_customer_is_called_through_the_route_point_or_the_trunk(stage, options, gateway):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.CUSTOMER_DIAL)
        assert [(request.number, request.gateway) for request in house.stage.requests] == [
            ("7001", "pbx"),
            ("12025550100", gateway),
        ]

    stage(scene, service=f"{AGENT_FIRST}\n{options}", anna=answers(), customer=RINGS)


@pytest.mark.parametrize("phase", [Phase.AGENT_RING, Phase.CUSTOMER_DIAL])
def test_a_cancel_leaves_no_leg_and_no_held_agent(stage, phase):
    async def scene(house):
        made = await house.book()
        await house.until(made, phase)
        await house.booking.cancel(made)
        done = await house.completed(made)
        assert done.reason == "CANCELLED"
        await house.clean()
        assert house.states()["anna"] is AgentState.READY
        assert await house.results(made) == ([(52, False)] if phase is Phase.CUSTOMER_DIAL else [])

    stage(scene, service=AGENT_FIRST, anna=answers(2), customer=person(8))


@pytest.mark.parametrize(
    ("phase", "event", "position"),
    [
        (Phase.AGENT_RING, "T91", (State.QUEUED, Phase.SUBMITTING)),
        (Phase.CUSTOMER_DIAL, "T45", (State.QUEUED, Phase.RETRY_WAIT)),
        (Phase.TALKING, "T73", (State.COMPLETED, None)),
    ],
)
def test_a_stop_of_the_node_leaves_no_leg_and_a_record_that_goes_on(stage, phase, event, position):
    async def scene(house):
        made = await house.book()
        await house.until(made, phase)
        await house.node.stop(0)
        record = await house.record(made)
        assert record.position == position
        assert (await house.events(made))[-1] == event
        assert record.attempts == (1 if phase is Phase.TALKING else 0)
        await house.clean()

    stage(scene, service=AGENT_FIRST, anna=answers(2), customer=person(8))


def test_an_unhandled_error_ends_the_callback_and_frees_the_agent(stage):
    async def scene(house):
        house.stage.fault = RuntimeError("the user agent is gone")
        with capture_logs() as logged:
            made = await house.book()
            done = await house.completed(made)
        assert "callback_failed" in [entry["event"] for entry in logged]
        assert (done.reason, done.reason_detail, done.call_result) == ("FAIL_ERROR", "RuntimeError", 4)
        assert (await house.events(made))[-1] == "T88"
        await house.clean()
        assert house.states()["anna"] is AgentState.READY

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=person(), rerunnable=False)  # a fault is no input


def test_no_agent_is_bothered_while_the_customer_is_on_another_call(stage):
    async def scene(house):
        first = await house.book()
        await house.until(first, Phase.TALKING)
        second = await house.book()
        await asyncio.sleep(5)
        assert (await house.record(second)).phase is Phase.WAITING
        assert [request.number for request in house.stage.requests].count("7002") == 0
        assert house.states()["bert"] is AgentState.READY
        house.stage.far_hangs_up("7001")
        assert (await house.completed(second)).reason == "AGENT_CONNECTED"
        await house.clean()

    stage(
        scene, service=AGENT_FIRST, agents=("anna", "bert"), anna=answers(), bert=answers(),
        customer=[person(), person(hangs_up_s=10)],
    )  # fmt: skip


def test_nobody_is_called_who_is_on_the_do_not_call_list(stage):
    async def scene(house):
        await house.house.store.forbid_number(CUSTOMER, now=house.house.clock.now())
        made = await house.book()
        done = await house.completed(made)
        assert (done.reason, done.call_result, done.attempts) == ("FAIL_CALL_TO_CUSTOMER", 51, 0)
        assert house.stage.requests == []
        await house.clean()

    stage(scene, service=AGENT_FIRST, anna=answers(), customer=person())


def test_customer_first_calls_nobody_on_the_do_not_call_list_either(stage):
    async def scene(house):
        await house.house.store.forbid_number(CUSTOMER, now=house.house.clock.now())
        done = await house.completed(await house.book())
        assert (done.reason, done.call_result, done.attempts) == ("FAIL_CALL_TO_CUSTOMER", 51, 0)
        assert house.stage.requests == []
        await house.clean()

    stage(scene, anna=answers(), customer=person())


def test_a_customer_who_is_asked_first_is_called_for_a_reserved_agent(stage):
    async def scene(house):
        made = await house.book()
        done = await house.completed(made)
        assert done.reason == "AGENT_CONNECTED"
        assert await house.events(made) == ["T01", "T05", "T60", "T61", "T43", "T44", "T73"]
        await house.clean()

    asked = "\nwait_for_agent = true\nwait_for_user_confirm = true"  # no device: connected anyway
    stage(scene, service=AGENT_FIRST + asked, anna=answers(), customer=person(hangs_up_s=10))


def test_two_agents_called_for_one_number_call_it_one_after_the_other(stage):
    async def scene(house):
        first, second = await house.book(), await house.book()
        await house.until(first, Phase.TALKING)
        await house.until(second, Phase.WAITING)
        assert (await house.house.store.history(second))[-1].note == "the number is on another call"
        assert house.states()["bert"] is AgentState.READY, "it was not this agent's fault"
        house.stage.far_hangs_up("7001")
        assert (await house.completed(second)).reason == "AGENT_CONNECTED"
        assert await house.results(first) == [(33, True)]
        assert await house.results(second) == [(33, True)]
        await house.clean()

    customer = [person(), person(hangs_up_s=10)]
    agents = ("anna", "bert")
    parties = {"anna": answers(), "bert": answers(2.0), "customer": customer}
    stage(scene, service=AGENT_FIRST, agents=agents, **parties, rerunnable=False)  # the other call is no input
