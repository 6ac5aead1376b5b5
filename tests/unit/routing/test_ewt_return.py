"""What dials that reach nobody do to the others' waits, and the spread of the dials to the bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.routing import EwtMode, WaitEstimator

START = datetime(2026, 1, 5, tzinfo=UTC)


def served_one_a_minute(*, every_third_comes_back: bool) -> WaitEstimator:
    """A queue of 30 before one agent who is free every minute; the twenty-first minute has come."""
    estimator = WaitEstimator(EwtMode.MODE2)
    estimator.agents(0, 1, START)
    for number in range(30):
        estimator.arrived(f"c{number}", 0, START)
    for minute in range(20):
        now = START + timedelta(minutes=minute)
        estimator.left(f"c{minute}", now)
        estimator.freed(f"c{minute}", now + timedelta(seconds=59))
        if every_third_comes_back and minute % 3 == 2:
            back = now + timedelta(seconds=59)
            estimator.arrived(f"c{minute}", 0, back, START)
            estimator.left(f"c{minute}", back, served=False)
    return estimator


def test_who_comes_back_after_a_dial_that_reached_nobody_goes_before_who_is_new():
    now = START + timedelta(minutes=20)
    alone = served_one_a_minute(every_third_comes_back=False).estimate(10, 0, 1, now).seconds
    among = served_one_a_minute(every_third_comes_back=True).estimate(10, 0, 1, now).seconds
    assert alone == pytest.approx(10 * 60, rel=0.05)
    # They take 3 of the 10 slots of the last ten minutes; those who leave the queue unserved shorten the wait a little.
    assert 1.2 * alone < among < 1.6 * alone


def test_a_new_callback_that_is_claimed_a_moment_later_has_not_come_back():
    estimator = served_one_a_minute(every_third_comes_back=False)
    now = START + timedelta(minutes=20)
    before = estimator.estimate(10, 0, 1, now).seconds
    for number in range(5):
        estimator.arrived(f"n{number}", 0, now, now - timedelta(seconds=1))
    assert estimator.estimate(10, 0, 1, now).seconds == before


def test_the_bounds_of_ursdial_hold_the_spread_of_the_dials():
    estimator = WaitEstimator(EwtMode.URSDIAL)
    for seconds in (4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0):
        estimator.dialled(seconds)
    at_once = estimator.estimate(1, 3, 3, START)
    # The next dial is below the first of ten values with probability 1/11: one in ten lies a tenth beyond it.
    assert (at_once.seconds, at_once.low, at_once.high) == pytest.approx((22.0, 4.4, 39.6))
