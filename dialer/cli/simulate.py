"""`dialer simulate`: how a callback service would do, with so many agents and so many requests."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dialer.cli.config_option import load_config
from dialer.cli.console import err, out
from dialer.cli.simulate_tables import report, shapes_report
from dialer.simulate import Simulation, Wish, World, default_text, ewt_report, plan_of, read_world, summarise

TABLE_WIDTH = 118
"""Columns of the widest table."""

DaysOption = Annotated[float | None, typer.Option("--days", help="Days; default 5, or as many as the file has.")]
AgentsOption = Annotated[int | None, typer.Option("--agents", help="Agents; default 40, or those of --config.")]
ArrivalsOption = Annotated[
    str | None,
    typer.Option(
        "--arrivals",
        metavar="RATE|FILE",
        help="Requests per hour, or a CSV file with the columns time and, as known, number, service, desired_time, "
        "priority; default: as the world says.",
    ),
]
ShapeOption = Annotated[
    str | None, typer.Option("--shape", help="Requests made to fit the agents: light, saturated or peak.")
]
WorldOption = Annotated[Path | None, typer.Option("--world", help="Assumptions about customers, lines, agents: TOML.")]
PrintOption = Annotated[bool, typer.Option("--print-world", help="Print the default world, a file to begin with.")]
ServiceConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Take services, agents, pace and channels from a dialer.toml.")
]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Which of its services is asked for.")]
StartOption = Annotated[
    datetime | None,
    typer.Option("--start", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="First hour, UTC; default a Monday."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of chance: the same seed gives the same run.")]
EwtOption = Annotated[bool, typer.Option("--ewt-report", help="Judge the estimated waiting times in each load shape.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures for machines.")]


def simulate(
    days: DaysOption = None,
    agents: AgentsOption = None,
    arrivals: ArrivalsOption = None,
    shape: ShapeOption = None,
    world: WorldOption = None,
    config: ServiceConfigOption = None,
    service: ServiceOption = None,
    start: StartOption = None,
    seed: SeedOption = 1,
    ewt: EwtOption = False,
    as_json: JsonOption = False,
    print_world: PrintOption = False,
) -> None:
    """Simulate days of a callback service in seconds: waits, lost customers, agents' time, dials, estimates.

    Routing, pacing and retries are the dialer's own; customers, lines and agents behave as the world file says.
    Nobody is called.
    """
    if print_world:
        out.print(default_text(), end="", markup=False, highlight=False, soft_wrap=True)
        return
    wish = Wish(
        world=World() if world is None else read_world(world),
        days=days,
        agents=agents,
        arrivals=_rate_or_file(arrivals),
        shape=shape,
        service=service,
        start=None if start is None else start.replace(tzinfo=UTC),
        seed=seed,
        config=None if config is None else load_config(config),
    )
    if ewt:
        _judge_estimates(wish, shape, as_json=as_json)
        return
    plan = plan_of(wish)
    with err.status("simulating"):
        summary = summarise(plan, Simulation(plan).run())
    if as_json:
        _print_json(asdict(summary))
    else:
        _wide().print(report(summary), highlight=False)


def _judge_estimates(wish: Wish, shape: str | None, *, as_json: bool) -> None:
    if wish.arrivals is not None or shape is not None:
        raise typer.BadParameter("--ewt-report makes its own requests: leave --arrivals and --shape out")
    with err.status("simulating each load shape"):
        reports = ewt_report(wish)
    if as_json:
        _print_json([asdict(each) for each in reports])
    else:
        _wide().print(shapes_report(reports), highlight=False)


def _rate_or_file(text: str | None) -> float | Path | None:
    """A number is a rate, anything else names a file."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _print_json(figures: Any) -> None:
    print(json.dumps(figures, indent=1, default=str))


def _wide() -> Console:
    """Standard output, wide enough for the tables; a narrower terminal wraps their lines."""
    return Console(width=max(out.width, TABLE_WIDTH))
