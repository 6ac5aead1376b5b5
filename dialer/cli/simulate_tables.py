"""The simulator's figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dialer.simulate import EwtScore, ShapeReport, Spread, Summary

BAR_WIDTH = 24


def report(summary: Summary) -> Group:
    """The whole report of one run."""
    parts: list[RenderableType] = [_head(summary), _waits(summary), _ends(summary), _dials(summary), _hours(summary)]
    if summary.ewt:
        parts.append(_estimates(summary))
    return Group(*parts)


def shapes_report(reports: Sequence[ShapeReport]) -> Group:
    """How good the estimates are, shape by shape."""
    table = _table("Estimated waiting times, by load shape", "shape", "callbacks", "agents busy", *_SCORE_COLUMNS)
    for each in reports:
        figures = _score_cells(each.score) if each.score is not None else ("nobody waited",)
        table.add_row(each.shape, f"{each.accepted}", f"{each.utilisation:.0%}", *figures)
    return Group(table, Text("\n".join(f"{each.shape}: {each.meaning}" for each in reports)))


def duration(seconds: float) -> str:
    """Seconds as people say them: 7.4 s, 3:05 min, 2:10 h."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
    return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d} h"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="", expand=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _head(summary: Summary) -> Text:
    refused = "".join(f"; {count} refused: {why}" for why, count in summary.refused.items())
    share = summary.talked / summary.accepted if summary.accepted else 0.0
    return Text(
        f"{summary.days:g} days from {summary.start:%a %Y-%m-%d %H:%M}, {summary.agents} agents, seed {summary.seed}\n"
        f"{summary.requests} requests{refused}; {summary.accepted} callbacks: {summary.talked} ({share:.1%}) talked to "
        f"an agent, {summary.still_open} still open at the end\n"
        f"agents busy (calls, wrap-up) {summary.utilisation:.1%} of their time at work; {summary.lost_on_line} "
        f"customers were reached but lost before an agent was there\n"
    )


def _waits(summary: Summary) -> Table:
    table = _table("Waiting times", "", "callbacks", "mean", "median", "P90", "P99", "max")
    rows = (
        ("queued, until the first dial", summary.wait_to_dial),
        ("queued, until the agent talks", summary.wait_to_agent),
        ("on the line, until the agent talks", summary.wait_on_line),
    )
    for name, spread in rows:
        table.add_row(name, f"{spread.count}", *_spread_cells(spread))
    return table


def _spread_cells(spread: Spread) -> tuple[str, ...]:
    if not spread.count:
        return ("-",) * 5
    return tuple(duration(each) for each in (spread.mean, spread.median, spread.p90, spread.p99, spread.max))


def _ends(summary: Summary) -> Table:
    table = _table("How callbacks ended", "reason", "call_result", "callbacks", "share")
    for end in summary.ends:
        result = f"{end.call_result:d} {end.name}"
        table.add_row(end.reason.value, result, f"{end.count}", f"{end.count / summary.accepted:.2%}")
    return table


def _dials(summary: Summary) -> Group:
    attempts = ", ".join(f"{count} with {dials}" for dials, count in summary.attempts.items())
    lines = [
        f"{summary.dials} dials, {summary.dials_per_hour:.0f} an hour of those in which anybody was dialled",
        f"most in the hour from {summary.busiest_hour:%a %H:%M}: {summary.busiest_hour_dials}",
        f"at once at most: {summary.peak_dials} dials without an agent, {summary.peak_calls} customers on calls",
        f"(two channels each), {summary.peak_line} in line",
        f"callbacks by number of dials: {attempts}" if attempts else "no callback has ended",
    ]
    table = _table("What the dials came to", "result", "dials", "share")
    for name, count in summary.results.items():
        table.add_row(name, f"{count}", f"{count / summary.dials:.2%}")
    return Group(table, Text("\n".join(lines) + "\n"))


def _hours(summary: Summary) -> Table:
    table = _table("Hour by hour, mean of all days", "hour", "requests", "dials", "agents", "mean wait", "busy", "")
    table.columns[-1].justify = "left"
    for hour in summary.hours:
        if not (hour.requests or hour.dials or hour.agents):
            continue  # closed
        busy = hour.occupancy
        table.add_row(
            f"{hour.hour:02d}",
            f"{hour.requests:.1f}",
            f"{hour.dials:.1f}",
            f"{hour.agents:.1f}",
            "-" if hour.wait_s is None else duration(hour.wait_s),
            "-" if busy is None else f"{busy:.0%}",
            "" if busy is None else "█" * round(busy * BAR_WIDTH),
        )
    return table


_SCORE_COLUMNS = ("estimates", "mean wait", "error", "bias", "in the interval", "error of the plain mean")


def _score_cells(score: EwtScore) -> tuple[str, ...]:
    sign = "-" if score.bias_s < 0 else "+"
    return (
        f"{score.count}",
        duration(score.wait_s),
        duration(score.error_s),
        f"{sign}{duration(abs(score.bias_s))}",
        f"{score.coverage:.0%}",
        duration(score.baseline_error_s),
    )


def _estimates(summary: Summary) -> Table:
    table = _table("Estimated waiting times, told when queued", "service (method)", *_SCORE_COLUMNS)
    for name, score in summary.ewt.items():
        table.add_row(f"{name} ({score.method})", *_score_cells(score))
    return table
