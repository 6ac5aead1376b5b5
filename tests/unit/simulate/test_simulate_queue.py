"""The machine held against theory, and against what must hold for every run."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dialer.callback.state import Phase as CallbackPhase
from dialer.callback.state import State
from dialer.simulate import Arrival, Simulation, Wish, World, plan_of, summarise
from dialer.simulate.arriving import random_arrivals
from dialer.simulate.planning import DEFAULT_START
from dialer.simulate.world import Arrivals

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # a run is long; its seed says all


def erlang_c(agents: int, load: float) -> float:
    """Probability that somebody has to wait in M/M/c; `load` in erlangs."""
    top = load**agents / math.factorial(agents) / (1 - load / agents)
    return top / (sum(load**k / math.factorial(k) for k in range(agents)) + top)


@pytest.mark.parametrize(("agents", "busy"), [(1, 0.5), (4, 0.75)])
def test_a_queue_of_mere_chance_waits_as_erlang_says(small_world, small_plan, agents, busy):
    # M/M/c: Poisson arrivals, exponential talks, no dial time. Mean wait = C(c, a) · talk / (c - a) (Erlang, 1917).
    talk_s, days = 60.0, 6000 / (agents * busy * 60 * 24)
    per_hour = busy * agents * 3600 / talk_s
    arrivals = random_arrivals(Arrivals(per_hour=per_hour), DEFAULT_START, days, "s", Random(7))
    there = small_world(talk={"mean_s": talk_s, "shape": "exponential"})
    figures = summarise(plan := small_plan(arrivals, agents=agents, days=days, world=there), Simulation(plan).run())

    has_to_wait = erlang_c(agents, busy * agents)
    mean_wait_s = has_to_wait * talk_s / (agents - busy * agents)
    assert figures.accepted > 5500
    assert figures.utilisation == pytest.approx(busy, rel=0.04)
    assert figures.wait_to_agent.mean == pytest.approx(mean_wait_s, rel=0.12)
    # Waits of those who wait are exponential: P90 of all is where the tail holds one in ten.
    p90_s = math.log(has_to_wait / 0.1) * talk_s / (agents - busy * agents)
    assert figures.wait_to_agent.p90 == pytest.approx(p90_s, rel=0.15)


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    wish = Wish(world=World(), days=0.25, agents=8, arrivals=90.0, seed=5)

    def run(seed):
        plan = plan_of(replace(wish, seed=seed))
        return asdict(summarise(plan, Simulation(plan).run()))

    first = run(5)
    assert run(5) == first
    assert run(6)["wait_to_agent"] != first["wait_to_agent"]


def test_within_a_priority_the_callback_that_came_first_is_dialled_first(small_world, simulated):
    rng = Random(3)
    times = sorted(rng.uniform(0, 40_000) for _ in range(1500))
    arrivals = [Arrival(at_s, f"+{n}", "s", None, rng.choice([0, 0, 5])) for n, at_s in enumerate(times)]
    there = small_world(
        talk={"mean_s": 90},
        answers={"human": {"weight": 7, "rings_s": {"mean_s": 8}}, "busy": {"weight": 3, "rings_s": 2}},
    )
    cases = simulated(arrivals, agents=2, world=there, options={"queued_ttl": 90_000}).tally.cases

    assert max(case.first_dial_s - case.queued_s for case in cases) > 600  # there was a queue to jump
    for priority in (0, 5):
        first_dials = [case.first_dial_s for case in cases if case.callback.priority == priority]
        assert first_dials == sorted(first_dials)
    urgent = [case for case in cases if case.callback.priority == 5]
    for case in (case for case in cases if case.callback.priority == 0):
        assert not any(other.queued_s < case.first_dial_s < other.first_dial_s for other in urgent)


@settings(max_examples=20, deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    agents=st.integers(1, 6),
    per_hour=st.floats(30, 300),
    misses=st.sampled_from([0.0, 0.3]),
    cancels=st.sampled_from([None, {"mean_s": 400, "shape": "exponential"}]),
    options=st.fixed_dictionaries(
        {
            "dial_attempts": st.integers(1, 4),
            "dial_retry_delay": st.sampled_from([0, 60, 900]),
            "queued_ttl": st.sampled_from([600, 14400]),
            "max_queue_wait": st.sampled_from([0, 120]),
            "callback_purge_time_min": st.sampled_from([0, 20]),
            "max_wait_on_call": st.sampled_from([20, 3600]),
        }
    ),
)
def test_every_callback_ends_once_or_is_still_open_and_every_call_is_told(
    small_world, small_plan, seed, agents, per_hour, misses, cancels, options
):
    there = World(agent={"misses": misses}, customer={"cancels_after_s": cancels}, arrivals={"per_hour": per_hour})
    arrivals = random_arrivals(there.arrivals, DEFAULT_START, 0.1, "s", Random(seed))
    simulation = Simulation(small_plan(arrivals, agents=agents, days=0.1, world=there, options=options, seed=seed))
    tally, flow = simulation.run(), simulation.flow

    still_open = [case for case in tally.cases if case.open]
    assert still_open == list(flow.cases.values())
    for case in tally.cases:
        assert case.open == (case.state is not State.COMPLETED) == (case.reason is None)
        assert case.attempts <= options["dial_attempts"]
    on_calls = [case for case in still_open if case.position == (State.QUEUED, CallbackPhase.DIALING) or _on_line(case)]
    assert flow.sessions == len(on_calls)
    assert sum(tally.dialled) == sum(case.dials for case in tally.cases) == tally.results.total() + len(on_calls)
    in_line = {case.callback.id for case in still_open if case.position == (State.QUEUED, CallbackPhase.WAITING)}
    assert set(flow.line.ids()) == in_line
    assert (
        sum(tally.busy_s) <= sum(tally.at_work_s) <= sum(tally.present_s) == pytest.approx(sum(tally.state_s.values()))
    )
    assert Counter(case.reason for case in tally.cases).total() == len(tally.cases)


def _on_line(case):
    return case.state in {State.ROUTING, State.PROCESSING}


def test_no_more_customers_are_dialled_than_agents_are_ready_for(small_plan):
    there = World(arrivals={"per_hour": 200})
    arrivals = random_arrivals(there.arrivals, DEFAULT_START, 0.25, "s", Random(1))
    simulation = Simulation(small_plan(arrivals, agents=6, days=0.25, world=there))
    dial, dials = simulation.flow.dial, []

    def watched(case):
        ready = len(simulation.pool.ready())
        dials.append((simulation.flow.in_flight.total(), ready))  # the dial about to begin is counted already
        dial(case)

    simulation.flow.dial = watched
    simulation.run()
    assert len(dials) > 500
    assert all(in_flight <= ready for in_flight, ready in dials)
    assert max(in_flight for in_flight, _ in dials) > 1


def test_dials_keep_the_pace_and_the_number_of_channels(small_world, requests, simulated):
    there = small_world(answers={"human": {"weight": 1, "rings_s": 20}})
    simulation = simulated(requests(*[10.0] * 30), agents=30, world=there, calls_per_second=2.0, max_sessions=12)
    begun = sorted(case.first_dial_s for case in simulation.tally.cases)
    assert all(later - earlier == pytest.approx(0.5, abs=0.01) for earlier, later in pairwise(begun[:12]))
    assert simulation.tally.peak_calls == 12
    assert begun[12] >= 10 + 20 + 60  # the thirteenth waits for the first talk to end


def test_hours_of_the_run_add_up(small_world, simulated, requests):
    simulation = simulated(requests(*range(0, 36_000, 60)), agents=1, days=1, world=small_world(talk=90))
    tally = simulation.tally
    assert tally.present_s[:24] == pytest.approx([3600.0] * 24)
    assert sum(tally.busy_s) == pytest.approx(tally.results.total() * 90, abs=90)
    assert sum(tally.arrived) == 600
