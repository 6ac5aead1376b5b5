"""`dialer callbacks list|show|cancel`: what the store holds."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from dialer.booking import Booking
from dialer.callback.record import Callback
from dialer.callback.state import State, position_name
from dialer.cli.config_option import ConfigOption, load_config
from dialer.cli.console import err, out
from dialer.cli.ladder import ladder
from dialer.cli.timeline import attempts_table, clock_time, heading, history_table, timeline
from dialer.clock import SystemClock, stamp
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.node import open_store
from dialer.rerun import NoStory, NotRerunnable, read_story, rerun
from dialer.store import CallbackFilter

app = typer.Typer(no_args_is_help=True, help="Lists, shows and cancels callbacks.")


@app.command("list")
def list_(
    config: ConfigOption = Path("dialer.toml"),
    state: Annotated[list[State] | None, typer.Option(help="Only these states; repeatable.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    number: Annotated[str | None, typer.Option(help="Only this customer number, in E.164 (+16505550100).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """Lists callbacks, newest desired time first."""
    wanted = CallbackFilter(
        states=frozenset(state or ()),
        services=frozenset({service} if service else ()),
        numbers=frozenset({number} if number else ()),
        limit=limit,
    )
    found = asyncio.run(_find(load_config(config), wanted))
    if as_json:
        for callback in found:
            typer.echo(json.dumps(plain(callback)))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("id", "service", "number", "desired (UTC)", "state", "reason", "result", "tries"):
        table.add_column(title, overflow="fold")
    for callback in found:
        table.add_row(
            callback.id,
            callback.service,
            callback.customer_number,
            callback.desired_time.strftime("%Y-%m-%d %H:%M:%S"),
            position_name(callback.position),
            callback.reason or "",
            f"{int(callback.call_result)} {callback.call_result.name}",
            str(callback.attempts),
        )
    out.print(table)
    out.print(f"{len(found)} callback(s) found")


@app.command("show")
def show(
    callback_id: str,
    config: ConfigOption = Path("dialer.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one object.")] = False,
    as_ladder: Annotated[
        bool, typer.Option("--ladder", help="The SIP ladder between customer, dialer and agents.")
    ] = False,
) -> None:
    """Shows one callback: attempts, transitions, and its timeline with milliseconds."""
    callback, attempts, history, journal = _told(load_config(config), callback_id)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "callback": plain(callback),
                    "attempts": [plain(a) for a in attempts],
                    "history": [plain(h) for h in history],
                    "journal": [plain(j) for j in journal],
                }
            )
        )
        return
    out.print(heading(callback))
    if as_ladder:
        for line in ladder(journal):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    out.print(
        "\n[dim]attempts[/dim]", attempts_table(attempts), "\n[dim]transitions[/dim]", history_table(history), sep="\n"
    )
    out.print("\n[dim]timeline[/dim]", timeline(journal), sep="\n")


@app.command("rerun")
def rerun_(
    callback: Annotated[str, typer.Argument(help="Id of a callback, or a file that `show ID --json` wrote.")],
    config: ConfigOption = Path("dialer.toml"),
) -> None:
    """Runs a callback's journal again in virtual time; ends with status 1 when a decision comes out otherwise."""
    loaded = load_config(config)
    try:
        if callback.endswith(".json"):
            record, history, journal = read_story(Path(callback))
        else:
            record, _, history, journal = _told(loaded, callback)
        differences = rerun(record, history, journal, loaded)
    except (NoStory, NotRerunnable) as missing:
        err.print(f"[red]dialer:[/red] {escape(str(missing))}")
        raise typer.Exit(2) from missing
    out.print(heading(record))
    for difference in differences:
        out.print(f"[red]otherwise:[/red] {escape(str(difference))}", soft_wrap=True)
    if differences:
        raise typer.Exit(1)
    out.print("the same decisions, step by step")


@app.command("cancel")
def cancel(callback_id: str, config: ConfigOption = Path("dialer.toml")) -> None:
    """Cancels a callback that is not yet with an agent."""
    done = asyncio.run(_cancel(load_config(config), callback_id))
    out.print(heading(done), f"cancelled at {clock_time(done.completed_at)}")


async def _find(config: DialerConfig, wanted: CallbackFilter) -> list[Callback]:
    async with open_store(config) as store:
        return list(await store.find(wanted))


def _told(config: DialerConfig, callback_id: str) -> tuple[Callback, list[Any], list[Any], list[Any]]:
    """Everything that the store keeps of a callback; ends the command when there is none."""
    story = asyncio.run(_story(config, callback_id))
    if story is None:
        err.print(f"[red]dialer:[/red] no callback has the id {escape(callback_id)}; see `dialer callbacks list`")
        raise typer.Exit(1)
    return story


async def _story(config: DialerConfig, callback_id: str) -> tuple[Callback, list[Any], list[Any], list[Any]] | None:
    async with open_store(config) as store:
        callback = await store.get(callback_id)
        if callback is None:
            return None
        return (
            callback,
            list(await store.attempts(callback_id)),
            list(await store.history(callback_id)),
            list(await store.journal(callback_id)),
        )


async def _cancel(config: DialerConfig, callback_id: str) -> Callback:
    async with open_store(config) as store:
        return await Booking(store, config, Bus(), SystemClock()).cancel(callback_id, actor="admin")


def plain(value: object) -> dict[str, Any]:
    """A record as JSON can carry it; user data is left out, it is nobody's business in a terminal's history."""
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__ if name != "user_data"}  # type: ignore[attr-defined]
    return {name: plain_value(item) for name, item in fields.items()}


def plain_value(value: object) -> Any:
    """One value as JSON can carry it; times in UTC with milliseconds."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(item) for item in value]
    return value
