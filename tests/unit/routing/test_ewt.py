"""Estimated waiting times: what they are made of, and how near they come."""

import heapq
import random
from datetime import UTC, datetime, timedelta

import pytest

from dialer.routing import Ageing, EwtCode, WaitEstimator

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def test_nothing_is_said_before_anything_was_seen():
    estimate = WaitEstimator().estimate(1, 0, 3, T0)
    assert (estimate.seconds, estimate.low, estimate.high, estimate.code) == (None, None, None, EwtCode.NOTHING_SEEN)


@pytest.mark.parametrize(("mode", "code"), [("mode1", EwtCode.NOTHING_SEEN), ("mode2", EwtCode.NO_AGENT)])
def test_without_an_agent_only_mode_1_goes_on(mode, code):
    assert WaitEstimator(mode).estimate(1, 0, 0, T0).code is code


def queue_of(estimator, waiting, now, priority=0):
    for n in range(waiting):
        estimator.arrived(f"q{n}", priority, now)


def learnt(mode="mode2", slots=(120.0,), agents=4, **options):
    """An estimator that has seen slots of these lengths end, and whose agents are all busy."""
    estimator = WaitEstimator(mode, **options)
    estimator.agents(0, agents, T0)
    for n in range(len(slots)):
        estimator.arrived(f"seen{n}", 0, T0)
        estimator.left(f"seen{n}", T0)
    for n, slot_s in enumerate(slots):
        estimator.freed(f"seen{n}", at(slot_s))
    return estimator


def test_the_wait_is_the_position_times_a_slot_by_the_agents():
    estimator = learnt(slots=(100.0, 140.0))
    assert estimator.estimate(1, 0, 4, at(200)).seconds == pytest.approx(30)
    assert estimator.estimate(6, 0, 4, at(200)).seconds == pytest.approx(180)
    assert estimator.estimate(6, 0, 8, at(200)).seconds == pytest.approx(90)


def test_who_finds_a_free_agent_does_not_wait():
    estimator = learnt()
    assert estimator.estimate(2, 2, 4, at(200)).seconds == 0
    assert estimator.estimate(3, 2, 4, at(200)).seconds == pytest.approx(30)


def test_the_dial_time_is_added_with_ursdial_alone():
    for mode, seconds in (("mode2", 30), ("ursdial", 48)):
        estimator = learnt(mode)
        estimator.dialled(20)
        estimator.dialled(16)
        estimate = estimator.estimate(1, 0, 4, at(200))
        assert estimate.seconds == pytest.approx(seconds)
        assert estimate.low < estimate.seconds < estimate.high


def test_who_gives_up_ahead_shortens_the_wait():
    estimator = learnt()
    queue_of(estimator, 10, at(200))
    whole = estimator.estimate("q9", 0, 4, at(200)).seconds
    estimator.left("q0", at(260), served=False)
    estimator.left("q1", at(260), served=False)
    shorter = estimator.estimate(10, 0, 4, at(260)).seconds
    assert whole == pytest.approx(300)
    assert shorter < 0.95 * whole


def test_who_comes_with_a_higher_priority_lengthens_the_wait_of_the_others():
    estimator = learnt()
    for n in range(20):
        estimator.arrived(f"urgent{n}", 5, at(200 + 6 * n))
        estimator.left(f"urgent{n}", at(200 + 6 * n), served=True)
    low, high = (estimator._guess(3, (priority, False), 0, 4, at(320))[1] for priority in (0, 5))
    assert high == pytest.approx(90)
    assert low > 1.2 * high


def test_agents_who_mostly_serve_others_count_by_their_share():
    estimator = learnt(slots=(100.0,) * 4, agents=4)
    estimator.agents(0, 4, at(200))
    queue_of(estimator, 3, at(200))
    estimator.left("q0", at(200))  # one slot of this queue, four agents busy: three serve others
    estimator.agents(0, 4, at(500))
    assert estimator.estimate(1, 0, 4, at(500)).seconds == pytest.approx(100)


def test_mode_1_is_the_throughput_of_who_had_to_wait():
    estimator = WaitEstimator("mode1")
    estimator.agents(0, 9, T0)
    queue_of(estimator, 12, T0)
    for n in range(10):
        estimator.left(f"q{n}", at(15 * (n + 1)))
    assert estimator.estimate(4, 0, 9, at(150)).seconds == pytest.approx(60)
    assert estimator.estimate(4, 0, 900, at(150)).seconds == pytest.approx(60)


def test_mode_3_is_the_mean_wait_of_ten_minutes():
    estimator = WaitEstimator("mode3")
    for n, waited_s in enumerate((900.0, 40.0, 80.0)):
        estimator.arrived(f"c{n}", 0, at(0))
        estimator.left(f"c{n}", at(300 * n), waited_s=waited_s)
    assert estimator.estimate(7, 0, 3, at(899)).seconds == pytest.approx(60)


def test_a_position_follows_priority_time_and_ageing():
    estimator = WaitEstimator(ageing=Ageing(1, 60, 5))
    estimator.arrived("early", 0, at(0))
    estimator.arrived("urgent", 1, at(10))
    assert [estimator.position(key, at(10)) for key in ("urgent", "early", "nobody")] == [1, 2, None]
    assert estimator.position("early", at(65)) == 1
    assert estimator.position_of_new(0, at(65)) == 3
    assert estimator.estimate("early", 0, 3, at(65)).position == 1


def test_who_comes_back_from_a_retry_stands_where_it_stood():
    estimator = WaitEstimator()
    estimator.arrived("a", 0, at(0))
    estimator.left("a", at(5))
    estimator.arrived("b", 0, at(6))
    estimator.arrived("a", 0, at(9), queued_at=at(0))
    assert estimator.position("a", at(9)) == 1


def test_events_about_nobody_change_nothing():
    estimator = WaitEstimator()
    estimator.left("nobody", T0)
    estimator.freed("nobody", at(1))
    assert estimator.waiting == 0
    assert estimator.estimate(1, 0, 1, at(2)).code is EwtCode.NOTHING_SEEN


def flat(_t):
    return 0.97


def peak(t):
    return 0.6 + 0.9 * max(0, 1 - abs(t / 36000 - 0.5) * 4)


def bursts(t):
    return 0.3 if int(t // 3600) % 2 else 1.4


def a_day(load, *, agents=20, slot_s=240.0, patience_s=None, seed=1):
    """Ten hours of one queue; (wait, estimate at arrival, plain mean of the waits before it) of everybody served."""
    dice, estimator = random.Random(seed), WaitEstimator("mode2")
    events, now, n, most = [], 0.0, 0, 1.6 * agents / slot_s
    while now < 36000:
        now += dice.expovariate(most)
        if dice.random() < load(now) / 1.6:
            heapq.heappush(events, (now, 0, f"c{n}"))
            n += 1
    free, queue, came, said, rows, waits = agents, [], {}, {}, [], []
    while events:
        now, kind, key = heapq.heappop(events)
        if kind == 0:
            came[key] = now
            queue.append(key)
            estimator.agents(free, agents, at(now))
            estimator.arrived(key, 0, at(now))
            said[key] = (estimator.estimate(key, free, agents, at(now)), sum(waits) / len(waits) if waits else None)
            if patience_s:
                heapq.heappush(events, (now + dice.expovariate(1 / patience_s), 2, key))
        elif kind == 1:
            free += 1
            estimator.freed(key, at(now))
        elif key in queue:
            queue.remove(key)
            estimator.left(key, at(now), served=False)
        while free and queue:
            served = queue.pop(0)
            free -= 1
            waits.append(now - came[served])
            estimator.left(served, at(now))
            rows.append((waits[-1], *said[served]))
            heapq.heappush(events, (now + dice.expovariate(1 / slot_s), 1, served))
        estimator.agents(free, agents, at(now))
    return [row for row in rows if row[1].seconds is not None and row[2] is not None]


@pytest.mark.parametrize("load", [flat, peak, bursts])
@pytest.mark.parametrize("patience_s", [None, 600.0])
def test_estimates_are_far_better_than_the_mean_of_waits_and_the_interval_covers_what_it_says(load, patience_s):
    rows = a_day(load, patience_s=patience_s)
    error = sum(abs(wait - estimate.seconds) for wait, estimate, _ in rows) / len(rows)
    plain = sum(abs(wait - mean) for wait, _, mean in rows) / len(rows)
    covered = sum(estimate.low <= wait <= estimate.high for wait, estimate, _ in rows) / len(rows)
    assert error < 0.4 * plain
    assert 0.7 <= covered <= 0.95
