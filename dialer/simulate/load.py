"""How many callbacks the agents can serve, and the load shapes that are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from dialer.callback.call_result import CallResult, Policy
from dialer.callback.options import ServiceOptions
from dialer.simulate.answering import Answering, connects
from dialer.simulate.crew import DAY_S
from dialer.simulate.world import DAYS, Arrivals, World

SAMPLES: Final = 20_000  # calls whose mean length the capacity is worked out from
_FLAT: Final = (1.0,) * 24
_PEAKS: Final = (
    *(0.15, 0.10, 0.10, 0.10, 0.15, 0.25, 0.50, 0.90, 1.40, 1.85, 2.00, 1.85),
    *(1.45, 1.35, 1.60, 1.80, 1.90, 1.75, 1.45, 1.15, 0.85, 0.60, 0.40, 0.35),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A load in relation to what the agents can serve.

    Attributes:
        load: mean requests per hour divided by the callbacks that can be served per hour.
        by_hour: weights of the hours.
    """

    load: float
    by_hour: tuple[float, ...]
    meaning: str


SHAPES: Final = {
    "light": Shape(0.55, _FLAT, "more agents than work"),
    "saturated": Shape(0.97, _FLAT, "the agents are just enough"),
    "peak": Shape(0.80, _PEAKS, "too few at the busiest hours, enough over the day"),
}


@dataclass(frozen=True, slots=True)
class Work:
    """What one accepted callback takes of the agents, in the mean.

    Attributes:
        dials: calls to the customer.
        reached: share that reaches a person.
        agent_s: seconds that keep an agent from the next one: dials, since nobody else is dialled for the agent
            meanwhile, ringing, talk, wrap-up.
    """

    dials: float
    reached: float
    agent_s: float


def work_of(world: World, options: ServiceOptions) -> Work:
    """Works it out from the same distributions that the simulation draws from."""
    answering, policy = Answering(world.answers, Random(0)), options.retry_policy()  # noqa: S311 - no secret
    calls = [answering.call(options) for _ in range(SAMPLES)]
    lasts_s = sum(call.lasts_s for call in calls) / SAMPLES
    reached = sum(connects(call.result, options) for call in calls) / SAMPLES
    again = sum(_again(call.result, options) for call in calls) / SAMPLES
    dials = sum(again**n for n in range(policy.dial_attempts))
    per_talk = world.agent.answers_s.mean_s + world.talk.mean_s + world.wrap_up.mean_s
    return Work(dials, reached * dials, dials * (lasts_s + reached * per_talk))


def _again(result: CallResult, options: ServiceOptions) -> bool:
    return not connects(result, options) and options.retry_policy().policy_of(result) in {Policy.RETRY, Policy.FREE}


def mean_present(world: World, agents: int) -> float:
    """Agents at work, mean over the week; pauses are taken off."""
    if not world.shifts:
        return float(agents)
    shares = sum(shift.share for shift in world.shifts)
    worked_s = 0.0
    for shift in world.shifts:
        paused_s = sum(pause.minutes * 60 for pause in shift.pauses)
        worked_s += shift.share / shares * len(set(shift.days)) * max(0.0, shift.length_s - paused_s)
    return agents * worked_s / (DAY_S * len(DAYS))


def arrivals_of(shape: Shape, world: World, options: ServiceOptions, agents: int) -> Arrivals:
    """The requests of a shape for these agents."""
    capacity = mean_present(world, agents) * 3600 / work_of(world, options).agent_s
    return Arrivals(per_hour=shape.load * capacity, by_hour=shape.by_hour, by_day=world.arrivals.by_day)
