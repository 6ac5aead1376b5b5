"""Who is near enough to be dialled, and when a queue is full."""

import pytest

from dialer.callback.option_text import parse_eta_positions
from dialer.routing import Watermark
from dialer.routing.watermark import near_enough

DEFAULT = parse_eta_positions("0:10,10:5,20:2,30:1,40:0")


@pytest.mark.parametrize(
    ("ewt_s", "last"), [(0, 10), (9.9, 10), (10, 5), (19, 5), (20, 2), (30, 1), (40, 1), (4000, 1)]
)
def test_the_longer_the_wait_the_nearer_one_must_be_and_the_first_always_is(ewt_s, last):
    assert [position for position in range(1, 15) if near_enough(position, ewt_s, DEFAULT)] == list(range(1, last + 1))


def test_a_wait_nobody_knows_or_below_every_pair_restricts_nobody():
    assert near_enough(99, None, DEFAULT)
    assert near_enough(99, 5, parse_eta_positions("10:1"))
    assert near_enough(99, 5, ())


@pytest.mark.parametrize(("value", "outcome"), [(0, "OK"), (4, "OK"), (5, "HIGH"), (6, "HIGH")])
def test_a_queue_is_high_when_one_more_would_be_refused(value, outcome):
    assert Watermark(value, 5).outcome == outcome
