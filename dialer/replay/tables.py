"""The figures of an evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

SHORT = {
    "human": "hum", "machine": "mach", "machine_beep": "m_bp", "modem": "modm", "silence": "sil", "congestion": "cong",
    "sit_invalid": "s_iv", "sit_vacant": "s_vc", "sit_intercept": "s_ic", "sit_no_circuit": "s_nc",
    "sit_reorder": "s_ro", "sit_other": "s_ot", "nu_tone": "nu", "pager": "page", "ringback": "ring", "music": "mus",
    "undecided": "und", "no_media": "nomd", "unreadable": "bad",
}  # fmt: skip
"""Verdict names as they fit the head of the confusion matrix."""


def percent(rate: Mapping[str, Any]) -> str:
    """`4.2 % (3.1-5.7) 12/286`, a dash without calls."""
    if rate["share"] is None:
        return "-"
    return f"{100 * rate['share']:.1f} % ({100 * rate['low']:.1f}-{100 * rate['high']:.1f}) {rate['k']}/{rate['n']}"


def short_percent(rate: Mapping[str, Any]) -> str:
    """`4.2 % 12/286`, a dash without calls."""
    return "-" if rate["share"] is None else f"{100 * rate['share']:.1f} % {rate['k']}/{rate['n']}"


def seconds(value: float | None) -> str:
    """Seconds with milliseconds, a dash for none."""
    return "-" if value is None else f"{value:.3f}"


def wrong_calls(calls: Sequence[Mapping[str, Any]]) -> Table:
    """The calls with a wrong verdict, one row each."""
    table = _table("\nWrong verdicts", "call", "expected", "given", "decided at", "from onset", "P(machine)", "kind")
    for call in calls:
        if not call["right"]:
            probability = "-" if call["p_machine"] is None else f"{call['p_machine']:.3f}"
            times = seconds(call["decided_at_s"]), seconds(call["after_onset_s"])
            table.add_row(call["path"], call["expected"], call["verdict"], *times, probability, call["kind"])
    return table


def report(summary: Mapping[str, Any]) -> RenderableType:
    """All tables of a run."""
    total = Text(
        f"{summary['calls']} calls, {summary['hours']:.2f} h. Right verdict {percent(summary['right'])}, "
        f"right call result {percent(summary['right_call_result'])}. Intervals: Wilson 95 %."
    )
    return Group(
        total,
        confusion_table(summary["confusion"]),
        class_table(summary["classes"]),
        answer_table(summary["answer"]),
        latency_table(summary["latency"]),
        beep_table(summary["beep"]),
        false_event_table(summary["false_events"]),
        *(subset_table(name, rows) for name, rows in summary["subsets"].items()),
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> Table:
    """Expected verdicts down, given verdicts across."""
    given = list(dict.fromkeys([*confusion, *(name for row in confusion.values() for name in row)]))
    used = [name for name in given if any(row.get(name) for row in confusion.values())]
    table = _table("\nConfusion (rows: expected, columns: given)", "", *(SHORT.get(name, name) for name in used))
    for expected, row in confusion.items():
        cells = [_cell(row.get(name, 0), right=name == expected) for name in used]
        table.add_row(expected, *cells)
    return table


def _cell(count: int, *, right: bool) -> Text:
    if not count:
        return Text(".", style="dim")
    return Text(str(count), style="green" if right else "bold red")


def class_table(classes: Mapping[str, Mapping[str, Any]]) -> Table:
    """Recall and precision by class."""
    table = _table("\nClasses", "verdict", "recall", "precision")
    for name, row in classes.items():
        table.add_row(name, percent(row["recall"]), percent(row["precision"]))
    return table


ANSWER_ROWS = {
    "false_machine": "human taken for machine",
    "human_hung_up": "human hung up on (machine, silence, tone, ...)",
    "false_human": "machine taken for human",
    "false_human_after_beep": "machine with beep still human after the beep",
    "machine_other": "machine taken for something else",
    "undecided": "undecided at the limit",
}


def answer_table(answer: Mapping[str, Any]) -> Table:
    """The errors between human and machine, the area under the ROC curve and the calibration."""
    table = _table("\nHuman or machine", "", "rate")
    for key, words in ANSWER_ROWS.items():
        table.add_row(words, percent(answer[key]))
    roc, calibration = answer["roc"], answer["calibration"]
    if roc["auc"] is not None:
        point = f"{short_percent(answer['false_machine'])} false, {100 * _found(answer):.1f} % found"
        table.add_row("operating point on the ROC curve", point)
        table.add_row("area under the ROC curve", f"{roc['auc']:.4f}")
    if calibration["brier"] is not None:
        table.add_row("Brier score / calibration error", f"{calibration['brier']:.4f} / {calibration['ece']:.4f}")
    return table


def _found(answer: Mapping[str, Any]) -> float:
    missed = answer["false_human"]["k"] + answer["machine_other"]["k"]
    machines = answer["false_human"]["n"]
    return 1 - missed / machines if machines else 0.0


def latency_table(latency: Mapping[str, Mapping[str, Any]]) -> Table:
    """Seconds to the decision."""
    table = _table("\nDecision latency, s (calls decided rightly)", "", "n", "P50", "P90", "P95", "P99")
    for name, row in latency.items():
        table.add_row(name, str(row["n"]), *(seconds(row[key]) for key in ("p50", "p90", "p95", "p99")))
    return table


def beep_table(beep: Mapping[str, Any]) -> Table:
    """How the beeps were found."""
    table = _table("\nBeeps, s", f"found {percent(beep['found'])}", "n", "P50", "P90", "P95", "P99")
    names = {"onset_error": "onset error", "end_error": "end error", "reported_after_end": "reported after the end"}
    for key, words in names.items():
        row = beep[key]
        table.add_row(words, str(row["n"]), *(seconds(row[each]) for each in ("p50", "p90", "p95", "p99")))
    return table


def false_event_table(events: Mapping[str, Mapping[str, Any]]) -> Table:
    """Events reported in speech, music and silence that hold none."""
    table = _table("\nFalse events in speech, music and silence", "event", "count", "hours", "per hour")
    for kind, row in events.items():
        per_hour = "-" if row["per_hour"] is None else f"{row['per_hour']:.2f}"
        table.add_row(kind, str(row["count"]), f"{row['hours']:.2f}", per_hour)
    return table


def subset_table(name: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """One grouping."""
    keys = ("right", "false_machine", "false_human", "undecided", "others_right")
    heads = ("right result", "human > machine", "machine > human", "undecided", "tones etc. right")
    table = _table(f"\nBy {name}", name, "n", *heads)
    for value, row in rows.items():
        table.add_row(value[:60], str(row["n"]), *(short_percent(row[key]) for key in keys))
    return table
