"""The live table: calls while they run, one row a callback."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from dialer.callback.record import Callback
from dialer.callback.state import State, position_name
from dialer.cli.console import out
from dialer.cli.timeline import KIND_STYLE
from dialer.events import Bus, CallbackChanged, Event, Step

REDRAW_PER_S = 5


@dataclass(slots=True)
class Row:
    """What the table knows of one callback."""

    label: str
    number: str
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    callback: Callback | None = None
    kind: str = ""
    step: str = ""

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return (self.ended or time.monotonic()) - self.began


class LiveTable:
    """Follows a bus and draws; on something that is no terminal it prints one line per ended callback instead."""

    def __init__(self, bus: Bus, labels: dict[str, str] | None = None) -> None:
        self.rows: dict[str, Row] = {}
        self._labels = labels or {}
        self._bus = bus
        self._live = Live(get_renderable=self.table, console=out, refresh_per_second=REDRAW_PER_S, transient=True)

    def __enter__(self) -> Self:
        self._unsubscribe = self._bus.subscribe(self.follow)
        if out.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()
        if out.is_terminal:
            self._live.stop()

    def label(self, callback_id: str, label: str) -> None:
        """Names a callback in the table."""
        self._labels[callback_id] = label
        if callback_id in self.rows:
            self.rows[callback_id].label = label

    def follow(self, event: Event) -> None:
        """Takes an event of the bus in."""
        match event:
            case CallbackChanged(callback=callback):
                row = self.rows.setdefault(
                    callback.id, Row(self._labels.get(callback.id, callback.service), callback.customer_number)
                )
                row.callback = callback
                if callback.state is State.COMPLETED and row.ended is None:
                    row.ended = time.monotonic()
            case Step(callback_id=callback_id, entry=entry) if callback_id in self.rows and entry.text:
                row = self.rows[callback_id]
                row.kind, row.step = entry.kind, entry.text
            case _:
                pass

    def table(self) -> Table:
        """The table as it stands; the longest running calls first, ended ones last, as many as fit."""
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        table.add_column("who", no_wrap=True, ratio=2)
        table.add_column("number", no_wrap=True)
        table.add_column("s", justify="right")
        table.add_column("state", no_wrap=True)
        table.add_column("last step", no_wrap=True, ratio=4)
        rows = sorted(self.rows.values(), key=lambda row: (row.ended is not None, row.began))
        for row in rows[: max(5, out.height - 4)]:
            where = position_name(row.callback.position) if row.callback else ""
            table.add_row(
                row.label,
                row.number,
                f"{row.seconds:.1f}",
                Text(where, style="green" if row.ended else ""),
                Text(row.step, style=KIND_STYLE.get(row.kind, "")),
            )
        return table
