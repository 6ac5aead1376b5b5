"""`dialer`: the command line. Each command is thin: it parses, calls a room, and presents what came."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from dialer.callback.errors import DialerError
from dialer.cli import callbacks, check, demo, do_not_call, evaluate, lab, replay, run, simulate, train
from dialer.cli.console import err
from dialer.telephony import TelephonyError

app = typer.Typer(
    name="dialer",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Calls customers back: dials, hears what answered, treats it, brings in an agent, reports the result.",
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("lab")(lab.lab)
app.command("call")(run.call)
app.command("check")(check.check)
app.command("simulate")(simulate.simulate)
app.command("replay")(replay.replay)
app.command("eval")(evaluate.evaluation)
app.command("tune")(evaluate.tune)
app.command("train")(train.train)
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(do_not_call.app, name="do-not-call")


def main() -> None:
    """Entry point: faults of configuration, store and telephony are one clear line, not a traceback."""
    try:
        app()
    except (DialerError, TelephonyError) as fault:
        err.print(f"[red]dialer:[/red] {escape(str(fault))}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
