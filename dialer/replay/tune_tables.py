"""What tuning found, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from rich.table import Table

from dialer.detection import DetectionSettings
from dialer.replay.judge import Judged
from dialer.replay.tables import seconds, short_percent
from dialer.replay.tune import SETTINGS, Candidate, Worth

COLUMNS = ("human > machine", "machine > human", "undecided", "human P50", "P95", "machine P50", "P95")


def _table(title: str, *first: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in first:
        table.add_column(column)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(worth: Worth) -> tuple[str, ...]:
    errors = (worth.false_machine, worth.false_human, worth.undecided)
    times = (worth.human_s["p50"], worth.human_s["p95"], worth.machine_s["p50"], worth.machine_s["p95"])
    return (*(short_percent(each) for each in errors), *(seconds(each) for each in times))


def candidate_table(tried: Sequence[Candidate], ratio: float) -> Table:
    """Every candidate in the order it was tried, with its cost."""
    table = _table("\nTried on the voices that choose (lower cost is better)", "change", "cost")
    for each in tried:
        table.add_row(each.change, f"{each.worth.cost(ratio):.4f}", *_cells(each.worth))
    return table


def worth_table(title: str, rows: Iterable[tuple[str, Worth]]) -> Table:
    """A few settings side by side."""
    table = _table(title, "")
    for name, worth in rows:
        table.add_row(name, *_cells(worth))
    return table


def curve_table(points: Iterable[tuple[str, float, bool, Worth]]) -> Table:
    """The trade-off curve of each profile; the profile's own point is marked."""
    table = _table("\nTrade-off by profile (machine_at moved; * the profile as shipped)", "profile", "machine_at")
    for name, machine_at, own, worth in points:
        table.add_row(name, f"{machine_at:g}{' *' if own else ''}", *_cells(worth), style="bold" if own else "")
    return table


def setting_lines(before: DetectionSettings, after: DetectionSettings) -> list[str]:
    """What would change, one line a setting."""
    profile = before.profile
    lines = _differences("", before, after, SETTINGS)
    old, new = before.profiles[profile], after.profiles[profile]
    lines += _differences(f"profile {profile}: ", old, new, [each.name for each in fields(old)])
    return lines or [f"profile {profile}: nothing would be gained; it stays as it is"]


def _differences(prefix: str, before: object, after: object, names: Iterable[str]) -> list[str]:
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return [f"{prefix}{name}: {old} -> {new}" for name, old, new in pairs if old != new]


def change_rows(before: Sequence[Judged], after: Sequence[Judged]) -> list[dict[str, str]]:
    """Calls that another setting decides differently, in the form `compare.changed_calls` prints."""
    rows = []
    for old, new in zip(before, after, strict=True):
        if old.got != new.got:
            effect = {(False, True): "mended", (True, False): "broken"}.get((old.right, new.right), "other")
            call = {"path": old.call.path, "expected": old.call.expected}
            rows.append(call | {"before": old.got, "after": new.got, "effect": effect})
    return rows


def time_table(before: Sequence[Judged], after: Sequence[Judged], least_s: float = 0.05) -> Table:
    """Calls with the same verdict at another time."""
    table = Table(
        "call", "verdict", "decided before", "now", box=None, title="\nDecided at another time", title_justify="left"
    )
    for old, new in zip(before, after, strict=True):
        if old.got == new.got and abs((old.decided_s or 0.0) - (new.decided_s or 0.0)) >= least_s:
            table.add_row(old.call.path, old.got, seconds(old.decided_s), seconds(new.decided_s))
    return table
