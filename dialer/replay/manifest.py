"""The list of labelled recordings that evaluation and tuning run over: tab-separated, one row a call."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from dialer.callback.verdict import VERDICTS
from dialer.replay.errors import ManifestError
from dialer.replay.listen import Task

NUMBERS = ("answer_s", "greeting_end_s", "beep_start_s", "beep_end_s", "onset_s", "end_s", "level_dbm0", "snr_db")
"""Columns that hold a number or nothing."""

WORDS = ("country", "source", "speaker", "codec", "loss", "note")
"""Columns that hold text or nothing."""

REQUIRED = ("path", "expected")

PHASES = ("", "answered", "early")


@dataclass(frozen=True)
class LabelledCall:
    """One row of the manifest.

    Attributes:
        path: the recording, as written.
        file: the recording, relative paths taken from the manifest's folder.
        expected: name of the verdict it should get.
        phase: `answered`, or `early` when the file holds a call that was never answered.
        numbers: the numeric columns that are filled, by name.
        words: the text columns that are filled, by name.
    """

    path: str
    file: Path
    expected: str
    phase: str
    numbers: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What the note begins with: the kind of call within its class."""
        return self.words.get("note", "").split(";")[0].strip()

    @property
    def answer_s(self) -> float:
        """Where the call was answered, seconds from the start; 0 without a mark."""
        return self.numbers.get("answer_s", 0.0)

    def task(self, *, with_country: bool = True) -> Task:
        """How to replay it.

        Args:
            with_country: tell the detector the tone plan.
        """
        country = self.words.get("country") if with_country else None
        return Task(self.file, "never" if self.phase == "early" else self.answer_s, country)


def load_manifest(path: Path) -> list[LabelledCall]:
    """Read a manifest.

    Raises:
        ManifestError: with all that is wrong with it, line by line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise ManifestError(path, [f" cannot be read: {fault}"]) from fault
    reader = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise ManifestError(
            path, [f"1: column {name} is missing (tab-separated, names in the first line)" for name in missing]
        )
    problems: list[str] = []
    calls = [_call(path.parent, row, reader.line_num, problems) for row in reader]
    if not calls and not problems:
        problems.append("1: holds no calls")
    if problems:
        raise ManifestError(path, problems)
    return calls


def _call(folder: Path, row: dict[str, str], line: int, problems: list[str]) -> LabelledCall:
    expected, phase = row["expected"].strip(), (row.get("phase") or "").strip()
    if expected not in VERDICTS:
        problems.append(f"{line}: expected: {expected!r} is no verdict; one of {', '.join(VERDICTS)}")
    if phase not in PHASES:
        problems.append(f"{line}: phase: {phase!r} is neither 'answered' nor 'early'")
    file = folder / row["path"]
    if not file.is_file():
        problems.append(f"{line}: path: {row['path']} does not exist")
    numbers = {}
    for name in NUMBERS:
        value = _number(row.get(name) or "")
        if value is not None and not math.isfinite(value):
            problems.append(f"{line}: {name}: {row[name]!r} is no number")
        elif value is not None:
            numbers[name] = value
    words = {name: row[name].strip() for name in WORDS if (row.get(name) or "").strip()}
    return LabelledCall(row["path"], file, expected, phase or "answered", numbers, words)


def _number(text: str) -> float | None:
    """The number, None for an empty field, NaN for what is no number."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return math.nan
