"""The detectors side by side: accuracy by class, errors between human and machine, latency, processor time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from dialer.replay.interval import rate
from dialer.replay.judge import FAX, HUMAN, MACHINE, SIT
from dialer.replay.manifest import LabelledCall
from dialer.replay.tables import percent
from tools.bench_detection.heard import Heard, Run

TONE_WORDS = SIT | FAX | {"busy", "congestion", "ringback", "nu_tone"}


@dataclass(frozen=True)
class Row:
    """A class of calls and the verdicts that are right for it.

    Attributes:
        words: its name in the table.
        members: expected verdicts that belong to it.
        right: verdicts that are right; empty: the expected one exactly.
        speech: whether AMD is asked about it; ToneScan and spandsp otherwise.
    """

    words: str
    members: frozenset[str]
    right: frozenset[str] = frozenset()
    speech: bool = False

    def hit_at_s(self, call: LabelledCall, heard: Heard | None) -> float | None:
        """When the first right report came, None without one; a detector may report several things of one call."""
        right = self.right or {call.expected}
        return next((at_s for verdict, at_s in heard.reports if verdict in right), None) if heard else None


ROWS = (
    Row("human", HUMAN, HUMAN, speech=True),
    Row("machine, with and without beep", MACHINE, MACHINE, speech=True),
    Row("fax, modem", FAX, FAX),
    Row("SIT, any kind", SIT, SIT),
    Row("SIT, right code", SIT - {"sit"}),
    Row("busy", frozenset({"busy"})),
    Row("congestion", frozenset({"congestion"})),
    Row("ringback", frozenset({"ringback"})),
    Row("number unobtainable", frozenset({"nu_tone"})),
    Row("pager", frozenset({"pager"})),
    Row("silence", frozenset({"silence"})),
    Row("music", frozenset({"music"})),
)

AMD, TONES, SPANDSP, OURS = "Asterisk AMD()", "Asterisk ToneScan()", "spandsp", "this detector"

ASKED: Mapping[str, frozenset[str]] = {
    AMD: HUMAN | MACHINE,
    TONES: TONE_WORDS,
    SPANDSP: TONE_WORDS,
    OURS: frozenset().union(*(row.members for row in ROWS)),
}
"""What each detector can say at all."""


def _head(title: str, first: str, runs: Sequence[Run]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for run in runs:
        table.add_column(run.name, justify="right", no_wrap=True)
    return table


def accuracy(calls: Sequence[LabelledCall], runs: Sequence[Run]) -> Table:
    """Share of each class that each detector names rightly."""
    table = _head("\nNamed rightly (Wilson 95 %)", "class", runs)
    for row in ROWS:
        members = [call for call in calls if call.expected in row.members]
        if members:
            table.add_row(row.words, *(_accuracy_cell(row, members, run) for run in runs))
    return table


def _accuracy_cell(row: Row, members: Sequence[LabelledCall], run: Run) -> str:
    if not row.members & ASKED[run.name]:
        return "-"
    right = sum(row.hit_at_s(call, run.heard.get(call.path)) is not None for call in members)
    return percent(rate(right, len(members)))


def errors(calls: Sequence[LabelledCall], runs: Sequence[Run]) -> Table:
    """The errors that hurt: between human and machine, and tones heard where somebody speaks."""
    table = _head("\nErrors", "", runs)
    humans = [call for call in calls if call.expected in HUMAN]
    machines = [call for call in calls if call.expected in MACHINE]
    speech = [*humans, *machines]
    for words, rows, wrong, speaks in (
        ("human taken for machine", humans, MACHINE, True),
        ("machine taken for human", machines, HUMAN, True),
        ("undecided", speech, frozenset({"undecided"}), True),
        ("tone reported in speech", speech, TONE_WORDS, False),
    ):
        cells = []
        for run in runs:
            asked = ASKED[run.name] & (HUMAN | MACHINE if speaks else TONE_WORDS)
            wrongs = sum(bool(run.heard[call.path].verdicts & wrong) for call in rows if call.path in run.heard)
            cells.append(percent(rate(wrongs, len(rows))) if asked and rows else "-")
        table.add_row(words, *cells)
    return table


def latencies(calls: Sequence[LabelledCall], runs: Sequence[Run]) -> Table:
    """Median seconds from the first voice or tone to a right verdict, and from the end of a greeting for people."""
    table = _head("\nMedian latency of right verdicts, s", "class", runs)
    for row in ROWS:
        for mark, words in _marks(row):
            cells = [_latency_cell(row, mark, calls, run) for run in runs]
            if any(cell != "-" for cell in cells):
                table.add_row(f"{row.words}, from {words}", *cells)
    return table


def _marks(row: Row) -> tuple[tuple[str, str], ...]:
    if row.members == HUMAN:
        return (("greeting_end_s", "the end of the greeting"), ("answer_s", "the answer"))
    return (("onset_s", "its first sound"),)


def _latency_cell(row: Row, mark: str, calls: Sequence[LabelledCall], run: Run) -> str:
    times = []
    for call in calls:
        hit_s = row.hit_at_s(call, run.heard.get(call.path)) if call.expected in row.members else None
        start_s = call.answer_s if mark == "answer_s" else call.numbers.get(mark)
        if hit_s is not None and start_s is not None:
            given_from_s = call.answer_s if row.speech and run.name != TONES else 0.0
            times.append(given_from_s + hit_s - start_s)
    return f"{median(times):.2f} ({len(times)})" if times else "-"


def processor(runs: Sequence[Run]) -> Table:
    """Processor time, and how many calls one core carries at it."""
    table = Table(title="\nProcessor", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("detector", "audio, s", "CPU, s", "calls on one core", "CPU covers"):
        table.add_column(column, justify="left" if column in {"detector", "CPU covers"} else "right", no_wrap=True)
    for run in runs:
        carried = "-" if run.channels_per_core is None else f"{run.channels_per_core:,.0f}"
        cpu = "-" if run.cpu_s is None else f"{run.cpu_s:.2f}"
        table.add_row(run.name, f"{run.audio_s:,.0f}", cpu, carried, run.cpu_note)
    return table


def as_json(calls: Sequence[LabelledCall], runs: Sequence[Run]) -> dict[str, Any]:
    """All that was heard, for later comparison."""
    return {
        "calls": [
            {
                "path": call.path,
                "expected": call.expected,
                **{
                    run.name: {"reports": heard.reports, "said": heard.said}
                    for run in runs
                    if (heard := run.heard.get(call.path)) is not None
                },
            }
            for call in calls
        ],
        "runs": [
            {"name": run.name, "audio_s": run.audio_s, "cpu_s": run.cpu_s, "covers": run.cpu_note} for run in runs
        ],
    }
