"""A small world for tests: everything that is not asked for happens at once and never fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from dialer.callback.options import ServiceOptions
from dialer.routing import Agent
from dialer.simulate import Arrival, Plan, Simulation, World
from dialer.simulate.planning import DEFAULT_START

AT_ONCE: dict[str, Any] = {
    "answers": {"human": {"weight": 1, "rings_s": 0}},
    "talk": {"mean_s": 60, "shape": "fixed"},
    "wrap_up": {"mean_s": 0},
    "agent": {"answers_s": 0, "misses": 0},
    "customer": {"patience_s": None},
}


@pytest.fixture
def small_world() -> Callable[..., World]:
    """Makes a world: customers answer at once and talk for a minute, but for the tables given."""
    return lambda **tables: World.model_validate({**AT_ONCE, **tables})


@pytest.fixture
def requests() -> Callable[..., list[Arrival]]:
    """Requests for service `s` at these times, seconds, each of another number."""
    return lambda *times_s: [Arrival(at_s, f"+1{index:09d}", "s") for index, at_s in enumerate(times_s)]


@pytest.fixture
def small_plan(small_world: Callable[..., World]) -> Callable[..., Plan]:
    """Makes a plan of one service `s` with two agents for one day, but for what is given."""

    def plan(
        arrivals: Iterable[Arrival],
        *,
        agents: int = 2,
        days: float = 1,
        options: dict[str, Any] | None = None,
        **more: Any,
    ) -> Plan:
        chosen = {"target": "Everybody@S.GA", "max_open": 0, **(options or {})}
        return Plan(
            start=DEFAULT_START,
            days=days,
            services={"s": ServiceOptions.model_validate(chosen)},
            agents=[Agent(f"a{n}", f"a{n}", "sip:a@b", groups=frozenset({"Everybody"})) for n in range(agents)],
            arrivals=arrivals,
            **{"world": small_world(), **more},
        )

    return plan


@pytest.fixture
def simulated(small_plan: Callable[..., Plan]) -> Callable[..., Simulation]:
    """Runs such a plan to its end."""

    def run(*args: Any, **more: Any) -> Simulation:
        simulation = Simulation(small_plan(*args, **more))
        simulation.run()
        return simulation

    return run
