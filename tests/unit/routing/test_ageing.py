"""Priorities that rise with waiting, and the order of a queue in which services age differently."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.options import ServiceOptions
from dialer.routing import NO_AGEING, AgedQueue, Ageing, effective_priority

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEEP = Ageing(increment=10, interval_s=30, limit=25)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("waited_s", "priority"), [(-5, 1), (0, 1), (29.9, 1), (30, 11), (59.9, 11), (60, 21), (90, 25), (9000, 25)]
)
def test_a_priority_rises_by_full_intervals_and_not_above_its_limit(waited_s, priority):
    assert effective_priority(1, STEEP, NOON, at(waited_s)) == priority


def test_a_priority_given_above_the_limit_stays_as_it_is():
    assert effective_priority(40, STEEP, NOON, at(300)) == 40


def test_without_an_increment_nothing_rises():
    assert effective_priority(3, NO_AGEING, NOON, at(1e6)) == 3


def test_a_services_options_say_how_it_ages():
    options = ServiceOptions(target="A>0", route_point="8999@P", priority_increment=2, priority_increment_interval=15)
    assert Ageing.of(options) == Ageing(2, 15, 1000)


@given(st.integers(-50, 50), st.integers(0, 20), st.integers(1, 90), st.integers(-50, 60), st.integers(0, 500))
def test_waiting_longer_never_lowers_a_priority(priority, increment, interval, limit, waited_s):
    ageing = Ageing(increment, interval, limit)
    earlier, later = (ageing.priority_after(priority, waited_s + more) for more in (0, 17))
    assert priority <= earlier <= later <= max(priority, limit)


def test_who_ages_fast_overtakes_who_does_not():
    queue = AgedQueue()
    queue.add("slow", "slow", 5, at(0), "slow", NO_AGEING)
    queue.add("fast", "fast", 0, at(10), "fast", Ageing(3, 60, 100))
    assert list(queue.in_order(at(100))) == ["slow", "fast"]
    assert list(queue.in_order(at(130))) == ["fast", "slow"]
    assert queue.position("slow", at(130)) == 2


entries = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from([NO_AGEING, STEEP, Ageing(1, 7, 4)]),
              st.integers(0, 120), st.booleans()), max_size=60,
)  # fmt: skip


@given(entries, st.integers(0, 400))
def test_the_queue_stands_as_if_it_were_sorted_anew_at_every_moment(steps, now_s):
    queue, kept, now = AgedQueue(), {}, at(now_s)
    for number, priority, ageing, queued_s, add in steps:
        key = f"c{number:02}"
        if add:
            kept[key] = (priority, ageing, at(queued_s))
            queue.add(key, key, priority, at(queued_s), key, ageing)
        else:
            assert (queue.remove(key) is not None) == (kept.pop(key, None) is not None)
    wanted = sorted(kept, key=lambda k: (-effective_priority(*kept[k], now), kept[k][2], k))
    assert list(queue.in_order(now)) == wanted
    assert [queue.position(key, now) for key in wanted] == list(range(1, len(wanted) + 1))
    assert (len(queue), set(queue.keys())) == (len(kept), set(kept))
    ahead = [key for key in wanted if effective_priority(*kept[key], now) >= 2 and kept[key][2] <= now]
    later = [key for key in wanted if effective_priority(*kept[key], now) > 2 and kept[key][2] > now]
    assert queue.position_of_new(2, now) == len(ahead) + len(later) + 1


def test_a_queue_may_change_while_it_is_walked():
    queue = AgedQueue()
    for number in range(4):
        queue.add(number, number, 0, at(number), str(number), NO_AGEING)
    walked = []
    for item in queue.in_order(at(9)):
        walked.append(item)
        queue.remove(item + 1)
    assert walked == [0, 2]


def test_two_of_one_moment_are_told_apart_by_their_tie_and_by_their_key():
    queue = AgedQueue()
    for key in ("b", "a"):
        queue.add(key, key, 0, NOON, "same", NO_AGEING)
    assert queue.remove("a") == "a"
    assert list(queue.in_order(NOON)) == ["b"]
    assert queue.get("a") is None
