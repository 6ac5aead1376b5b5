"""`dialer do-not-call list|add|remove`: numbers that no callback dials any more (call_result 51)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import phonenumbers
import typer
from rich.table import Table

from dialer.cli.config_option import ConfigOption, load_config
from dialer.cli.console import out
from dialer.cli.timeline import clock_time
from dialer.config import DialerConfig
from dialer.node import open_store

app = typer.Typer(no_args_is_help=True, help="Lists, adds and removes numbers that must not be called.")
Number = Annotated[str, typer.Argument(help="In E.164: +16505550100.")]


def e164(number: str) -> str:
    """The number as the list keeps it.

    Raises BadParameter: when it is no number in E.164.
    """
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise typer.BadParameter(f"{number!r} is not a number in E.164; write +16505550100") from error
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@app.command("list")
def list_(config: ConfigOption = Path("dialer.toml")) -> None:
    """Lists the numbers, newest first."""
    table = Table(box=None, pad_edge=False)
    for title in ("number", "since (UTC)", "asked for in"):
        table.add_column(title, overflow="fold")
    for number, since, callback_id in asyncio.run(_list(load_config(config))):
        table.add_row(number, f"{since:%Y-%m-%d} {clock_time(since)}", callback_id or "")
    out.print(table)


@app.command("add")
def add(number: Number, config: ConfigOption = Path("dialer.toml")) -> None:
    """Puts a number on the list; callbacks to it end with result 51 instead of being dialled."""
    asyncio.run(_add(load_config(config), e164(number)))
    typer.echo(f"{e164(number)} is not called any more")


@app.command("remove")
def remove(number: Number, config: ConfigOption = Path("dialer.toml")) -> None:
    """Takes a number off the list."""
    if not asyncio.run(_remove(load_config(config), e164(number))):
        typer.echo(f"{e164(number)} was not on the list")
        raise typer.Exit(1)
    typer.echo(f"{e164(number)} may be called again")


async def _list(config: DialerConfig) -> list[tuple[str, datetime, str | None]]:
    async with open_store(config) as store:
        return await store.forbidden_numbers()


async def _add(config: DialerConfig, number: str) -> None:
    async with open_store(config) as store:
        await store.forbid_number(number, now=datetime.now(UTC))


async def _remove(config: DialerConfig, number: str) -> bool:
    async with open_store(config) as store:
        return await store.allow_number(number)
