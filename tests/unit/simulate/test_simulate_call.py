"""One callback's way: retries by policy, time limits by the table, agents who do not answer."""

from __future__ import annotations

import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.reason import Reason
from dialer.simulate import Arrival, Rules

BUSY = {"busy": {"weight": 1, "rings_s": 4}}


def only_case(simulation):
    (case,) = simulation.tally.cases
    return case


def end_of(case):
    return case.reason, case.result, case.detail


def test_a_served_customer_goes_through_every_step(small_world, simulated, requests):
    there = small_world(
        answers={"human": {"weight": 1, "rings_s": 10, "after_s": 1}}, agent={"answers_s": 3, "misses": 0}, wrap_up=20
    )
    simulation = simulated(requests(100.0), world=there)
    case = only_case(simulation)
    assert (case.queued_s, case.first_dial_s, case.reached_s, case.talked_s, case.completed_s) == (
        100,
        100,
        111,
        114,
        174,
    )
    assert end_of(case) == (Reason.AGENT_CONNECTED, CallResult.ANSWER, "talked")
    assert sum(simulation.tally.busy_s) == pytest.approx(3 + 60 + 20)


def test_busy_is_dialled_again_after_the_delay_until_the_attempts_are_used_up(small_world, simulated, requests):
    simulation = simulated(requests(0.0), world=small_world(answers=BUSY), options={"dial_attempts": 3})
    case = only_case(simulation)
    assert (case.dials, case.attempts) == (3, 3)
    assert case.completed_s == 4 + 300 + 4 + 300 + 4
    assert end_of(case) == (Reason.FAIL_CALL_TO_CUSTOMER, CallResult.BUSY, "call_result:6")


@pytest.mark.parametrize(
    ("options", "dials", "ends_s"),
    [
        ({"final_results": "6"}, 1, 4),
        ({"dial_retry_delay_by_result": '{"6": 60}', "dial_attempts": 2}, 2, 68),
        ({"dial_attempts": 1}, 1, 4),
    ],
)
def test_the_service_says_what_is_dialled_again_and_when(small_world, simulated, requests, options, dials, ends_s):
    case = only_case(simulated(requests(0.0), world=small_world(answers=BUSY), options=options))
    assert (case.dials, case.completed_s) == (dials, ends_s)


def test_a_dial_that_found_no_channel_does_not_count_ten_times_in_a_row(small_world, simulated, requests):
    there = small_world(answers={"no_free_port_error": {"weight": 1, "rings_s": 0}})
    case = only_case(simulated(requests(0.0), world=there, options={"dial_attempts": 2, "dial_retry_delay": 300}))
    assert (case.dials, case.attempts) == (2 * 11, 2)


def test_who_rings_longer_than_the_ring_timeout_did_not_answer(small_world, simulated, requests):
    there = small_world(answers={"human": {"weight": 1, "rings_s": 50}})
    case = only_case(simulated(requests(0.0), world=there, options={"dial_attempts": 1, "ring_timeout": 30}))
    assert end_of(case)[:2] == (Reason.FAIL_CALL_TO_CUSTOMER, CallResult.NO_ANSWER)
    assert case.completed_s == 30


@pytest.mark.parametrize(
    ("options", "result"),
    [
        ({}, CallResult.ANSWERING_MACHINE),
        ({"on_machine": "connect"}, CallResult.ANSWERING_MACHINE),
        ({"detect": False}, CallResult.ANSWER),
    ],
)
def test_a_machine_is_put_through_only_when_the_service_says_so_or_does_not_listen(
    small_world, simulated, requests, options, result
):
    there = small_world(answers={"machine": {"weight": 1, "rings_s": 5, "after_s": 2, "talk_s": 7}})
    case = only_case(simulated(requests(0.0), world=there, options={"dial_attempts": 1, **options}))
    assert case.result is result
    assert (case.reason is Reason.AGENT_CONNECTED) == bool(options)
    assert case.completed_s == (5 + 2 if not options else 5 + 2 + 7 if options.get("on_machine") else 5 + 7)


def test_who_waits_in_line_too_long_is_not_called_any_more(small_world, simulated, requests):
    late = [{"from": "20:00", "to": "21:00", "days": ["Mon"]}]
    simulation = simulated(requests(50.0), world=small_world(shift=late), options={"queued_ttl": 1800})
    case = only_case(simulation)
    assert end_of(case) == (Reason.FAIL_TARGET_NOT_FOUND, CallResult.GRP_CALLBACK_ERROR, "queued_ttl")
    assert (case.completed_s, case.dials) == (1850, 0)


def test_the_purge_time_ends_who_was_not_dialled_by_then(small_world, simulated, requests):
    late = [{"from": "20:00", "to": "21:00", "days": ["Mon"]}]
    case = only_case(simulated(requests(50.0), world=small_world(shift=late), options={"callback_purge_time_min": 10}))
    assert end_of(case)[::2] == (Reason.FAIL_TIMEOUT_TTL, "purge_time")
    assert case.completed_s == 650


def test_a_customer_without_an_agent_hangs_up_or_is_dropped(small_world, simulated, requests):
    late = [{"from": "20:00", "to": "21:00", "days": ["Mon"]}]
    options = {"max_queue_wait": 60, "max_wait_on_call": 90}
    patient = simulated(requests(0.0), world=small_world(shift=late), options=options)
    assert end_of(only_case(patient)) == (Reason.FAIL_TARGET_NOT_FOUND, CallResult.DROPPED, "on_call_wait")
    assert only_case(patient).completed_s == 60 + 90
    hasty = simulated(requests(0.0), world=small_world(shift=late, customer={"patience_s": 25}), options=options)
    assert end_of(only_case(hasty)) == (Reason.FAIL_INTERACTION_DELETED, CallResult.ABANDONED, "customer_hangup")
    assert only_case(hasty).completed_s == 60 + 25


def test_agents_who_do_not_answer_are_tried_one_after_the_other_then_the_callback_fails(
    small_world, simulated, requests
):
    there = small_world(agent={"misses": 1, "away_s": 10_000})
    options = {"max_transfer_attempts": 3, "agent_reserve_timeout": 10}
    case = only_case(simulated(requests(0.0), agents=5, world=there, options=options))
    assert end_of(case)[:2] == (Reason.FAIL_AGENT_CONNECT, CallResult.TRANSFER_ERROR)
    assert (case.tries, case.completed_s, len(case.exclude)) == (3, 30, 2)


def test_an_agent_who_missed_a_call_comes_back(small_world, simulated, requests):
    there = small_world(agent={"misses": 1, "away_s": 100})
    options = {"max_transfer_attempts": 1, "agent_reserve_timeout": 10}
    simulation = simulated(requests(0.0, 20.0), agents=1, world=there, options=options)
    first, second = simulation.tally.cases
    assert first.completed_s == 10
    assert second.first_dial_s == 10 + 100


def test_a_booking_is_queued_the_lead_before_its_time(simulated):
    booked = Arrival(0.0, "+1", "s", desired_s=5000.0)
    case = only_case(simulated([booked], options={"submit_lead": 120}))
    assert (case.queued_s, case.first_dial_s) == (4880, 4880)
    assert case.waited_since_s == 5000  # dialled before its time: it has not waited


def test_two_callbacks_to_one_number_are_not_dialled_at_once(simulated):
    same = [Arrival(0.0, "+1", "s"), Arrival(0.0, "+1", "s")]
    first, second = simulated(same).tally.cases
    assert first.completed_s == 60
    assert 60 <= second.first_dial_s <= 61


def test_a_customer_may_cancel_until_the_talk(small_world, simulated, requests):
    late = [{"from": "20:00", "to": "21:00", "days": ["Mon"]}]
    waiting = simulated(requests(0.0), world=small_world(shift=late, customer={"cancels_after_s": 30}))
    assert end_of(only_case(waiting)) == (Reason.CANCELLED, CallResult.CANCEL_RECORD, "api")
    ringing = small_world(answers={"human": {"weight": 1, "rings_s": 40}}, customer={"cancels_after_s": 30})
    dialled = simulated(requests(0.0), world=ringing, options={"ring_timeout": 60})
    assert only_case(dialled).completed_s == 30
    assert (dialled.flow.sessions, dialled.flow.in_flight.total()) == (0, 0)
    talking = simulated(requests(0.0), world=small_world(customer={"cancels_after_s": 30}))
    assert only_case(talking).reason is Reason.AGENT_CONNECTED


def test_nobody_is_dialled_outside_the_window(simulated, requests):
    options = {"do_not_call_window": "86400,08:00,20:00", "queued_ttl": 50_000}
    case = only_case(simulated(requests(3600.0), options=options))
    assert 8 * 3600 <= case.first_dial_s <= 8 * 3600 + 1


def test_requests_when_closed_or_without_place_are_refused_and_nobody_is_dialled_then(simulated, requests):
    rules = Rules(
        open_at=lambda moment: moment.hour != 1, admits=lambda _service, at: at.minute == 0, always_open=False
    )
    simulation = simulated(requests(0.0, 600.0, 3650.0), rules=rules)
    assert simulation.tally.refused == {"no place left": 1, "closed": 1}
    only_case(simulation)


def test_more_open_callbacks_than_the_service_takes_are_refused(small_world, simulated, requests):
    late = [{"from": "20:00", "to": "21:00", "days": ["Mon"]}]
    simulation = simulated(requests(0.0, 1.0, 2.0, 3.0), world=small_world(shift=late), options={"max_open": 3})
    assert len(simulation.tally.cases) == 3
    assert simulation.tally.refused == {"max_open (3) reached": 1}


def test_target_lists_walk_on_in_virtual_time(simulated, requests):
    target = '[{"target": "Nobody@S.GA", "timeout": 200}, {"target": "Everybody@S.GA"}]'
    case = only_case(simulated(requests(0.0), options={"target": target}))
    assert case.first_dial_s == pytest.approx(200)
    assert case.reason is Reason.AGENT_CONNECTED


def test_a_customer_is_dropped_in_time_also_while_an_agents_phone_rings_unanswered(small_world, simulated, requests):
    there = small_world(agent={"misses": 1, "away_s": 10_000})
    options = {"max_wait_on_call": 20, "agent_reserve_timeout": 30}
    simulation = simulated(requests(0.0), agents=1, world=there, options=options)
    case = only_case(simulation)
    assert (case.result, case.completed_s) == (CallResult.DROPPED, 20)
    assert [agent.id for agent in simulation.pool.ready()] == ["a0"]  # rung for nobody any more


def test_a_booking_that_is_in_line_early_is_not_dialled_before_its_threshold(simulated):
    booked = Arrival(0.0, "+1", "s", desired_s=5000.0)
    case = only_case(simulated([booked], options={"submit_lead": 1000, "connect_threshold": 180}))
    assert (case.queued_s, case.first_dial_s) == (4000, pytest.approx(4820, abs=0.001))
    _, other = simulated([booked, Arrival(4500.0, "+2", "s")], options={"submit_lead": 1000}).tally.cases
    assert other.first_dial_s == 4500  # who need not wait is not held up by it


def test_positions_may_be_held_back_by_their_estimated_wait(small_world, simulated, requests):
    far = {"ewt_method": "mode2", "eta_pos_threshold": "0:1"}  # whoever has to wait at all: position 1 alone
    there = small_world(answers={"human": {"weight": 1, "rings_s": 30}})
    held = simulated(requests(*[float(n) for n in range(40)]), agents=3, world=there, options=far)
    free = simulated(requests(*[float(n) for n in range(40)]), agents=3, world=there)
    assert held.tally.peak_dials <= free.tally.peak_dials == 3
    assert all(case.reason is Reason.AGENT_CONNECTED for case in held.tally.cases)
    firsts = [case.first_dial_s for case in held.tally.cases]
    assert firsts == sorted(firsts)
