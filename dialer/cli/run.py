"""`dialer run` and `dialer call`: a dialer with its doors open, and one call by hand."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from dialer.booking import CreateRequest
from dialer.callback.reason import Reason
from dialer.callback.state import State
from dialer.cli.config_option import ConfigOption, load_config
from dialer.cli.console import err, out
from dialer.cli.live import LiveTable
from dialer.cli.logs import set_up_logs
from dialer.cli.server import serve
from dialer.cli.timeline import heading
from dialer.config import DialerConfig
from dialer.events import CallbackChanged, Event, Step
from dialer.node import open_dialer

CALL_LIMIT_S = 3600.0


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
    async with open_dialer(config) as dialer:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        mine: list[str] = []

        def follow(event: Event) -> None:
            if isinstance(event, Step) and event.callback_id in mine:
                out.print(
                    f"{event.entry.t_ms:9.1f} ms  {event.entry.kind:<10} {event.entry.text}",
                    highlight=False,
                    soft_wrap=True,
                    markup=False,
                )
            if (
                isinstance(event, CallbackChanged)
                and event.callback.id in mine
                and event.callback.state is State.COMPLETED
            ):
                out.print(heading(event.callback))
                if not ended.done():
                    ended.set_result(0 if event.callback.reason == Reason.AGENT_CONNECTED else 1)

        dialer.house.bus.subscribe(follow)
        created = await dialer.booking.create(
            CreateRequest(service=service, parameters={"_customer_number": number}, origin="ui")
        )
        mine.append(created.id)
        dialer.node.submit(created)
        out.print(f"callback {created.id} to {created.customer_number}", highlight=False)
        return await asyncio.wait_for(ended, CALL_LIMIT_S)
