"""The inbox of a leg: who waits for an answer gets it, or the leg's end."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.scenario.signals import Signals
from dialer.telephony import Answered, Ended, Leg, LegEnd, Ringing
from dialer.telephony.ending import LegTimes, RtpStats

GONE = Ended(
    3.0, LegEnd(486, "Busy Here", None, "far", "normal", False, None, LegTimes(), "ringing", False, RtpStats(), "")
)


def ignored(_: object) -> None:
    """Nobody observes."""


@pytest.fixture
async def leg() -> Leg:
    engine: Any = SimpleNamespace(loop=asyncio.get_running_loop())
    return Leg(engine, 0, "out", "pbx", "7001")


async def test_the_answer_is_given_after_whatever_came_before_it(leg: Leg) -> None:
    signals = Signals(leg, ignored)
    leg.take(Ringing(1.0))
    leg.take(Answered(2.0))
    assert await signals.answer_or_end() == Answered(2.0)
    await signals.close()


async def test_a_leg_that_is_refused_gives_its_end(leg: Leg) -> None:
    signals = Signals(leg, ignored)
    leg.take(Ringing(1.0))
    leg.take(GONE)
    assert await signals.answer_or_end() == GONE
    await signals.close()


async def test_an_answer_whose_leg_is_gone_again_is_its_end(leg: Leg) -> None:
    signals = Signals(leg, ignored)
    leg.take(Answered(2.0))
    leg.take(GONE)
    assert await signals.answer_or_end() == GONE
    await signals.close()
