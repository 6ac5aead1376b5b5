"""From what the operator asks for to a plan that can be run; what cannot be simulated is refused, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from dialer.callback.options import ServiceOptions
from dialer.config import ConfigRefused, DialerConfig, Problem
from dialer.config.problem import did_you_mean
from dialer.routing import Agent, parse_target
from dialer.simulate.arrival_file import read_arrivals
from dialer.simulate.arriving import random_arrivals
from dialer.simulate.case import Arrival, Rules
from dialer.simulate.load import SHAPES, arrivals_of
from dialer.simulate.simulation import Plan
from dialer.simulate.world import Arrivals, Hours, World

DEFAULT_START: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DEFAULT_DAYS: Final = 5.0
DEFAULT_AGENTS: Final = 40
DEFAULT_SERVICE: Final = "callback"
EVERYBODY: Final = "Everybody"
NOT_SIMULATED: Final[Mapping[str, tuple[object, str]]] = {
    "call_direction": ("USERORIGINATED", "customers who dial in"),
    "first_party": ("AGENT", "calls to the agent first"),
    "wait_for_user_confirm": (True, "readiness questions"),
    "paused": (True, "paused services"),
}
"""Options with which a service goes another way than the one that is simulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator asks for; None: as it comes.

    Attributes:
        arrivals: requests per hour, or a CSV file.
        agents: how many; with a configuration its agents are repeated in turn.
        shape: name of a load shape, instead of `arrivals`.
        service: whom arrivals ask for that name none.
    """

    world: World
    days: float | None = None
    agents: int | None = None
    arrivals: float | Path | None = None
    shape: str | None = None
    service: str | None = None
    start: datetime | None = None
    seed: int = 1
    config: DialerConfig | None = None


def plan_of(wish: Wish) -> Plan:
    """The plan.

    Raises ConfigRefused: when it cannot be simulated.
    """
    services, service = _services(wish), _service_name(wish)
    if not isinstance(wish.arrivals, Path):
        services = {service: services[service]}
    agents = _agents(wish)
    for name, options in services.items():
        _check_service(wish, name, options, agents)
    start, days, arrivals = _arrivals(wish, services, service, len(agents))
    base = Plan(
        start=start,
        days=days,
        world=wish.world,
        services=services,
        agents=agents,
        arrivals=arrivals,
        seed=wish.seed,
        rules=rules_of(wish.world.hours),
    )
    if wish.config is None:
        return base
    pace = wish.config.dial.calls_per_second
    return replace(base, calls_per_second=pace, max_sessions=wish.config.max_sessions())


def rules_of(hours: Hours | None) -> Rules:
    """When the service takes requests and dials."""
    if hours is None:
        return Rules()
    return Rules(open_at=lambda moment: hours.open_at_time(moment.weekday(), moment.time()), always_open=False)


def refused(where: str, what: str, mend: str) -> ConfigRefused:
    """A refusal of something that stands in no file."""
    return ConfigRefused([Problem(where, None, "", what, mend)])


def _services(wish: Wish) -> dict[str, ServiceOptions]:
    if wish.config is None:
        return {wish.service or DEFAULT_SERVICE: ServiceOptions(target=f"{EVERYBODY}@Simulation.GA", max_open=0)}
    return dict(wish.config.services)


def _service_name(wish: Wish) -> str:
    services = _services(wish)
    if wish.service is not None:
        if wish.service not in services:
            near = did_you_mean(wish.service, services)
            raise refused("--service", f"{wish.service!r} is not configured", near or f"one of {', '.join(services)}")
        return wish.service
    if len(services) == 1:
        return next(iter(services))
    raise refused("--service", f"is missing, and {len(services)} services are configured", "name one of them")


def _agents(wish: Wish) -> list[Agent]:
    if wish.agents is not None and wish.agents < 1:
        raise refused("--agents", f"{wish.agents} agents serve nobody", "give at least 1")
    if wish.config is None:
        count = wish.agents or DEFAULT_AGENTS
        groups = frozenset({EVERYBODY})
        return [
            _numbered(Agent("", "", "sip:agent@simulation", groups=groups), number) for number in range(1, count + 1)
        ]
    configured = wish.config.routing_agents()
    if not configured:
        what, mend = "has no agents, so nobody would be called", "write [agent.NAME], with the skills of your agents"
        raise refused(str(wish.config.file), what, mend)
    if wish.agents is None:
        return configured
    return [_numbered(configured[index % len(configured)], index + 1) for index in range(wish.agents)]


def _numbered(agent: Agent, number: int) -> Agent:
    name = f"{agent.id or 'agent'}-{number}"
    return replace(agent, id=name, name=name)


def _check_service(wish: Wish, name: str, options: ServiceOptions, agents: Sequence[Agent]) -> None:
    where = "" if wish.config is None else str(wish.config.file)
    for key, (value, what) in NOT_SIMULATED.items():
        if getattr(options, key) == value:
            mend = f"leave {key} out for the simulation, or name another --service"
            raise refused(where, f"service {name!r}: {what} are not simulated", mend)
    target = parse_target(options.target)
    if not any(target.matches(agent) for agent in agents):
        what = f"service {name!r}: no agent matches its target {options.target!r}"
        raise refused(where, what, "give some [agent.NAME] what the target asks for")


def _arrivals(
    wish: Wish, services: Mapping[str, ServiceOptions], service: str, agents: int
) -> tuple[datetime, float, Iterable[Arrival]]:
    """Start, days and requests."""
    if wish.days is not None and not 0 < wish.days <= 3660:
        raise refused("--days", f"{wish.days:g} days cannot be simulated", "give more than 0 and at most 3660")
    if wish.start is not None and wish.start.replace(minute=0, second=0, microsecond=0) != wish.start:
        raise refused("--start", "does not stand on a full hour", "write for example 2026-01-05T00:00")
    if isinstance(wish.arrivals, Path):
        if wish.shape is not None:
            raise refused("--shape", "makes its own requests, and --arrivals names a file", "give one of the two")
        return _from_file(wish, wish.arrivals, services, service)
    start, days = wish.start or DEFAULT_START, wish.days or DEFAULT_DAYS
    arrivals = wish.world.arrivals
    if wish.shape is not None:
        arrivals = _shaped(wish, services[service], agents)
    elif wish.arrivals is not None:
        if not 0 <= wish.arrivals <= 1_000_000:
            raise refused("--arrivals", f"{wish.arrivals:g} per hour cannot be simulated", "give 0 to 1000000")
        arrivals = arrivals.model_copy(update={"per_hour": wish.arrivals})
    rng = Random(f"{wish.seed}/arrivals")  # noqa: S311 - a simulation must be repeatable, not secret
    return start, days, random_arrivals(arrivals, start, days, service, rng)


def _shaped(wish: Wish, options: ServiceOptions, agents: int) -> Arrivals:
    if wish.arrivals is not None:
        raise refused("--shape", "sets the rate, and so does --arrivals", "give one of the two")
    if wish.shape not in SHAPES:
        raise refused("--shape", f"{wish.shape!r} is no load shape", f"one of {', '.join(SHAPES)}")
    return arrivals_of(SHAPES[wish.shape], wish.world, options, agents)


def _from_file(
    wish: Wish, path: Path, services: Mapping[str, ServiceOptions], service: str
) -> tuple[datetime, float, Iterable[Arrival]]:
    file = read_arrivals(path, service, services)
    start = wish.start or file.start or DEFAULT_START
    arrivals = file.from_start(start)
    days = wish.days or float(max(1, file.days - ((start - file.start).days if file.start else 0)))
    end = start + timedelta(days=days)
    if not arrivals or arrivals[0].at_s >= days * 86400:
        what = f"holds no requests between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"
        raise refused(str(path), what, "change --start or --days, or leave them out")
    return start, days, arrivals
