"""Two evaluations of the same calls side by side: what got better, what got worse, call by call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dialer.replay.tables import seconds, short_percent

RATES = {
    "right verdict": ("right",),
    "right call result": ("right_call_result",),
    "human taken for machine": ("answer", "false_machine"),
    "human hung up on": ("answer", "human_hung_up"),
    "machine taken for human": ("answer", "false_human"),
    "undecided at the limit": ("answer", "undecided"),
    "beeps found": ("beep", "found"),
}
"""Rates compared: words and the way to them in a summary."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Calls whose verdict changed: path, expected, before, after, and whether that mended or broke it.

    Args:
        before: results as saved by an evaluation.
        after: the same of the present run.
    """
    earlier = {call["path"]: call for call in before["calls"]}
    changed = []
    for call in after["calls"]:
        old = earlier.get(call["path"])
        if old is None or old["verdict"] == call["verdict"]:
            continue
        effect = {(False, True): "mended", (True, False): "broken"}.get((old["right"], call["right"]), "other")
        changed.append(
            {
                "path": call["path"],
                "expected": call["expected"],
                "before": old["verdict"],
                "after": call["verdict"],
                "effect": effect,
            }
        )
    return changed


def comparison(before: Mapping[str, Any], after: Mapping[str, Any]) -> RenderableType:
    """Tables of the rates, the latencies and the changed calls of two runs."""
    changed = changes(before, after)
    mended, broken = (sum(each["effect"] == effect for each in changed) for effect in ("mended", "broken"))
    return Group(
        _rates(before["summary"], after["summary"]),
        _latencies(before["summary"]["latency"], after["summary"]["latency"]),
        Text(f"\n{len(changed)} verdicts changed: {mended} mended, {broken} broken"),
        changed_calls(changed),
        Text(_only_in_one(before, after)),
    )


def _only_in_one(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    earlier, later = ({call["path"] for call in run["calls"]} for run in (before, after))
    if earlier == later:
        return ""
    return f"{len(earlier - later)} calls are only in the earlier run, {len(later - earlier)} only in this one"


def _rates(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    table = Table("", "before", "now", title="Against the earlier run", title_justify="left", box=None)
    for words, way in RATES.items():
        old, new = before, after
        for step in way:
            old, new = old[step], new[step]
        table.add_row(words, short_percent(old), short_percent(new))
    return table


def _latencies(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    table = Table("latency, s", "P50 before", "now", "P95 before", "now", title_justify="left", box=None)
    for name, row in after.items():
        old = before.get(name, {"p50": None, "p95": None})
        table.add_row(name, seconds(old["p50"]), seconds(row["p50"]), seconds(old["p95"]), seconds(row["p95"]))
    return table


def changed_calls(changed: list[dict[str, Any]]) -> Table:
    """One row a changed call; broken ones first."""
    table = Table("call", "expected", "before", "now", "", box=None)
    styles = {"broken": "red", "mended": "green", "other": ""}
    for each in sorted(changed, key=lambda each: (list(styles).index(each["effect"]), each["path"])):
        cells = (each["path"], each["expected"], each["before"], each["after"], each["effect"])
        table.add_row(*cells, style=styles[each["effect"]])
    return table
