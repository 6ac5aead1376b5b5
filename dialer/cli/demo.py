"""`dialer demo`: calls the lab's people over real SIP and audio, and says of each what was expected and what came."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dialer.booking import CreateRequest
from dialer.callback.errors import DialerError
from dialer.cli.console import err, out
from dialer.cli.demo_report import Report, report_of, summary
from dialer.cli.demo_stage import Pbx, stage
from dialer.cli.live import LiveTable
from dialer.cli.logs import set_up_logs
from dialer.config import DialerConfig
from dialer.lab import PERSONAS, Persona
from dialer.node import Dialer, open_dialer

LIMIT_S = 120.0  # no persona may hold the demo for longer
FOLDER = Path("var/demo")


def demo(
    pbx: Annotated[Pbx, typer.Option(help="What stands between dialer and customers.")] = Pbx.EMBEDDED,
    only: Annotated[list[str] | None, typer.Option(help="Names of personas, repeatable or comma-separated.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write one object per call there; - is standard output.")
    ] = None,
) -> None:
    """Calls simulated people and machines, and explains each call. Exits with 0 only if all came out as expected."""
    set_up_logs(level="error")
    personas = chosen(only)
    began = time.monotonic()
    reports = asyncio.run(perform(personas, pbx))
    if json_file is not None:
        lines = "".join(json.dumps(asdict(report)) + "\n" for report in reports)
        if str(json_file) == "-":
            typer.echo(lines, nl=False)
        else:
            json_file.write_text(lines)
    if str(json_file) != "-":
        out.print(summary(reports))
        wrong = sum(not report.matches for report in reports)
        verdict = "all as expected" if not wrong else f"{wrong} not as expected"
        out.print(
            f"{len(reports)} callbacks in {time.monotonic() - began:.0f} s, {pbx}: {verdict}. "
            f"`dialer callbacks show ID -c {FOLDER / 'dialer.toml'}` tells any of them step by step.",
            highlight=False,
        )
    if not all(report.matches for report in reports):
        raise typer.Exit(1)


def chosen(only: list[str] | None) -> list[Persona]:
    """The personas named, all when none is.

    Raises:
        typer.BadParameter: when a name is unknown.
    """
    if not only:
        return list(PERSONAS)
    names = [name.strip() for part in only for name in part.split(",")]
    known = {persona.name: persona for persona in PERSONAS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"no persona {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in names]


async def perform(personas: list[Persona], pbx: Pbx) -> list[Report]:
    """Sets the stage, books a callback for each persona, and waits for all."""
    err.print(f"setting the stage: {len(personas)} people and machines at the other end, {pbx}", highlight=False)
    async with stage(pbx, FOLDER) as config, open_dialer(config) as dialer:
        with LiveTable(dialer.house.bus) as table:
            booked = await book(dialer, personas, table)
            await ended(dialer, list(booked))
        await dialer.house.stories.flush()
        return [
            await report_of(dialer.house.store, callback_id, persona, pbx) for callback_id, persona in booked.items()
        ]


async def book(dialer: Dialer, personas: list[Persona], table: LiveTable) -> dict[str, Persona]:
    """Books a callback for each persona, as the API would."""
    booked: dict[str, Persona] = {}
    for persona in personas:
        created = await dialer.booking.create(
            CreateRequest(
                service=persona.name, parameters={"_customer_number": persona.number, "usr_reason": persona.description}
            )
        )
        booked[created.id] = persona
        table.label(created.id, persona.name)
        dialer.node.submit(created)
    return booked


async def ended(dialer: Dialer, ids: list[str]) -> None:
    """Waits until all these callbacks are completed, at most `LIMIT_S`; what is open then is reported as it is."""
    until = time.monotonic() + LIMIT_S
    left = set(ids)
    while left and time.monotonic() < until:
        await asyncio.sleep(0.1)
        found = [await dialer.house.store.get(callback_id) for callback_id in left]
        left -= {callback.id for callback in found if callback is not None and not callback.open}


__all__ = ["DialerConfig", "DialerError", "demo"]
