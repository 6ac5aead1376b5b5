"""`dialer lab`: the simulated customers and agents alone, for your own PBX to call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.console import err
from dialer.lab import AGENTS, PERSONAS


def lab(
    listen: Annotated[str, typer.Option(help="HOST:PORT for SIP over UDP; port 0 is any free one.")] = "127.0.0.1:5080",
    record: Annotated[
        Path | None, typer.Option(help="Folder for recordings of what every call heard and said.")
    ] = None,
    people: Annotated[bool, typer.Option("--list", help="Print who is there, and end.")] = False,
) -> None:
    """Runs the lab until Ctrl-C: customers by the number dialled (with or without prefix 91), agents by extension."""
    table = Table(box=None, pad_edge=False)
    for title in ("number", "who", "does"):
        table.add_column(title)
    for persona in PERSONAS:
        table.add_row(persona.number, persona.name, persona.description)
    for agent in AGENTS:
        table.add_row(agent.extension, f"agent {agent.id}", agent.description)
    err.print(table)
    if people:
        return
    from dialer.lab.server import LabSettings, run_lab  # noqa: PLC0415 - listing who is there needs no SIP stack

    host, _, port = listen.rpartition(":")
    raise typer.Exit(run_lab(LabSettings(host=host or "127.0.0.1", port=int(port), record=record)))
