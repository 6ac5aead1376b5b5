"""A callback's timeline in words: every SIP, detection, treatment and routing step with milliseconds."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from dialer.callback.record import Attempt, Callback, HistoryEntry, JournalEntry
from dialer.callback.state import position_name

KIND_STYLE = {
    "sip": "cyan",
    "media": "blue",
    "detection": "magenta",
    "treatment": "green",
    "routing": "yellow",
    "timer": "red",
    "state": "bold",
}


def heading(callback: Callback) -> Text:
    """One line: who, where it stands, and why."""
    reason = f" {callback.reason}" if callback.reason else ""
    detail = f" ({callback.reason_detail})" if callback.reason_detail else ""
    return Text(
        f"{callback.id}  {callback.service}  {callback.customer_number}  "
        f"{position_name(callback.position)}{reason}{detail}  "
        f"call_result {int(callback.call_result)} {callback.call_result.name}  attempts {callback.attempts}"
    )


def timeline(entries: Iterable[JournalEntry]) -> Table:
    """The steps, one a line. Time counts from the beginning of each attempt."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("time (UTC)", no_wrap=True, style="dim")
    table.add_column("try", justify="right")
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("step", overflow="fold")
    for entry in entries:
        if not entry.text:
            continue  # kept for programs
        table.add_row(
            entry.at.strftime("%H:%M:%S.%f")[:-3],
            str(entry.attempt or ""),
            f"{entry.t_ms:.1f}",
            Text(entry.kind, style=KIND_STYLE.get(entry.kind, "")),
            Text(entry.text),
        )
    return table


def attempts_table(attempts: Iterable[Attempt]) -> Table:
    """The dial attempts with what came of each."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("try", "started", "answered", "ended", "SIP", "Q.850", "verdict", "result", "why"):
        table.add_column(title, overflow="fold")
    for attempt in attempts:
        why = attempt.evidence.get("why", [])
        table.add_row(
            str(attempt.n),
            clock_time(attempt.started_at),
            clock_time(attempt.answered_at),
            clock_time(attempt.ended_at),
            text_of(attempt.sip_status),
            text_of(attempt.q850),
            attempt.verdict or "",
            f"{int(attempt.call_result)} {attempt.call_result.name}" if attempt.call_result is not None else "open",
            "; ".join(why),
        )
    return table


def history_table(history: Iterable[HistoryEntry]) -> Table:
    """The transitions."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("time (UTC)", "event", "from", "to", "by", "note"):
        table.add_column(title)
    for entry in history:
        before = position_name((entry.from_state, entry.from_phase) if entry.from_state else None)
        after = position_name((entry.to_state, entry.to_phase) if entry.to_state else None)
        table.add_row(clock_time(entry.at), entry.event, before, after, entry.actor, entry.note)
    return table


def clock_time(moment: object) -> str:
    """Wall time of day with milliseconds; empty for None."""
    return moment.strftime("%H:%M:%S.%f")[:-3] if moment is not None else ""  # type: ignore[attr-defined]


def text_of(value: object) -> str:
    """A value for a table cell; empty for None."""
    return "" if value is None else str(value)
