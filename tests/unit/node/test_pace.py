"""How fast dials may leave."""

from hypothesis import given
from hypothesis import strategies as st

from dialer.node.pace import Pacer


def test_the_first_dial_leaves_at_once_and_the_second_waits_its_turn() -> None:
    pacer = Pacer(calls_per_second=5, now=0.0)
    assert pacer.take(0.0)
    assert not pacer.take(0.0)
    assert pacer.wait_s(0.0) == 0.2
    assert pacer.take(0.2)


@given(
    rate=st.floats(0.5, 500),
    steps=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200),
)
def test_never_more_dials_leave_than_the_rate_allows(rate: float, steps: list[float]) -> None:
    pacer = Pacer(rate, 0.0)
    now, left = 0.0, 0
    for step in steps:
        now += step
        while pacer.take(now):
            left += 1
        assert left <= 1 + pacer.burst + rate * now + 1e-6


def test_waiting_as_long_as_it_says_is_enough() -> None:
    pacer = Pacer(calls_per_second=3, now=10.0)
    now = 10.0
    for _ in range(20):
        now += pacer.wait_s(now)
        assert pacer.take(now + 1e-9)
