"""`dialer run` and `dialer call`: a dialer with its doors open, and one call by hand."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dialer.booking import Booking, CreateRequest
from dialer.callback.reason import Reason
from dialer.callback.record import Callback
from dialer.cli.config_option import ConfigOption, load_config
from dialer.cli.console import err, out
from dialer.cli.live import LiveTable
from dialer.cli.logs import set_up_logs
from dialer.cli.server import serve
from dialer.cli.timeline import heading
from dialer.clock import SystemClock
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.node import NodeRuns, open_dialer, open_store
from dialer.store import Store

FOLLOW_EVERY_S = 0.1
LOOKS_AFTER_END = 10


def run(
    config: ConfigOption = Path("dialer.toml"),
    table: Annotated[bool, typer.Option(help="Show the live table of calls.")] = False,
) -> None:
    """Runs the dialer: worker, HTTP API and metrics, until it is told to stop (SIGTERM, Ctrl-C)."""
    settings = load_config(config)
    set_up_logs()
    asyncio.run(_run(settings, with_table=table))


def call(
    number: str,
    service: Annotated[
        str | None, typer.Option(help="Service to call for; the only one when there is just one.")
    ] = None,
    config: ConfigOption = Path("dialer.toml"),
) -> None:
    """Calls one number now, tells every step, and exits with 0 when customer and agent talked."""
    settings = load_config(config)
    set_up_logs(level="warning")
    name = service or only_service(settings)
    raise typer.Exit(asyncio.run(_call(settings, name, number)))


def only_service(config: DialerConfig) -> str:
    """The service meant when none is named.

    Raises:
        typer.BadParameter: when there are several.
    """
    names = [name for name in config.services if name != "default"]
    if len(names) != 1:
        raise typer.BadParameter(
            f"name the service with --service; the configuration has: {', '.join(names) or 'none'}"
        )
    return names[0]


async def _run(config: DialerConfig, *, with_table: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_dialer(config) as dialer, serve(dialer) as addresses:
        err.print(f"dialer {config.node.name} runs: {addresses}; stop with Ctrl-C or SIGTERM", highlight=False)
        if with_table:
            with LiveTable(dialer.house.bus):
                await stopping.wait()
        else:
            await stopping.wait()
        err.print(
            f"stopping: no new dials, {dialer.node.calls_active} running calls have "
            f"{config.node.stop_deadline_s:.0f} s to finish",
            highlight=False,
        )


async def _call(config: DialerConfig, service: str, number: str) -> int:
    """Makes the call here; a dialer of this configuration that runs already makes it, followed in the store."""
    try:
        async with open_dialer(config) as dialer:
            made = await dialer.booking.create(request_for(service, number))
            dialer.node.submit(made)
            return await follow(dialer.house.store, made)
    except NodeRuns as running:
        err.print(f"{escape(str(running.node))} runs already: it makes the call", highlight=False)
    async with open_store(config) as store:
        made = await Booking(store, config, Bus(), SystemClock()).create(request_for(service, number))
        return await follow(store, made)


def request_for(service: str, number: str) -> CreateRequest:
    """The request that the console makes."""
    return CreateRequest(service=service, parameters={"_customer_number": number}, origin="ui")


async def follow(store: Store, made: Callback) -> int:
    """Prints a callback's steps as they come into the store, until it is completed; gives the exit status."""
    out.print(f"callback {made.id} to {made.customer_number}", highlight=False)
    told, looks_left = 0, LOOKS_AFTER_END
    while looks_left > 0:
        callback = await store.get(made.id) or made
        steps = await store.journal(made.id)
        for entry in steps[told:]:
            line = f"{entry.t_ms:9.1f} ms  {entry.kind:<10} {entry.text}"
            out.print(line, highlight=False, soft_wrap=True, markup=False)
        told = len(steps)
        if not callback.open:  # its last steps are written a moment later; who was never dialled has none
            looks_left = 0 if steps and steps[-1].text.startswith("T") else looks_left - 1
        await asyncio.sleep(FOLLOW_EVERY_S)
    out.print(heading(callback))
    return 0 if callback.reason == Reason.AGENT_CONNECTED else 1
