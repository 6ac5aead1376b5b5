"""Pictures of an evaluation: the curves of the whole run, and one picture for each doubtful call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dialer.detection import DetectionSettings
from dialer.replay.judge import HUMAN, MACHINE, Judged
from dialer.replay.plot import ANSWER, DECISION, FAINT, INK, draw

TRUTHS = ("answer_s", "onset_s", "greeting_end_s", "beep_start_s", "beep_end_s", "end_s")
"""Labelled times drawn into the picture of a call."""


def draw_run(judged: Sequence[Judged], found: Mapping[str, Any], folder: Path, settings: DetectionSettings) -> int:
    """Draw a run.

    Args:
        judged: the calls.
        found: the results as `--json` saves them.
        folder: where the pictures go; made if need be.
        settings: of the detector.

    Returns:
        How many pictures were drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_curves(judged, found["summary"], folder / "curves.png")
    doubtful = [each for each in judged if each.doubtful and each.result is not None]
    for each in doubtful:
        assert each.result is not None
        truth = {name: each.call.numbers[name] for name in TRUTHS if each.call.numbers.get(name)}
        name = f"{each.call.expected}-as-{each.got}-{Path(each.call.path).stem}.png"
        title = f"expected {each.call.expected} ({each.call.kind})"
        draw(each.call.task(), [each.result], folder / name, settings, truth, title)
    return 1 + len(doubtful)


def draw_curves(judged: Sequence[Judged], summary: Mapping[str, Any], target: Path) -> None:
    """ROC curve with the operating point, calibration, latencies and confusion in one picture."""
    figure = Figure(figsize=(14, 10), layout="constrained")
    grid = figure.subplots(2, 2)
    _draw_roc(grid[0, 0], summary["answer"])
    _draw_calibration(grid[0, 1], summary["answer"]["calibration"])
    _draw_latency(grid[1, 0], judged)
    _draw_confusion(grid[1, 1], summary["confusion"])
    figure.savefig(target, dpi=100)


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize=10, color=INK)
    ax.tick_params(labelsize=8, colors=INK)
    ax.grid(color="#e6e9ee", lw=0.6)
    ax.set_axisbelow(True)


def _draw_roc(ax: Axes, answer: Mapping[str, Any]) -> None:
    points = answer["roc"]["points"]
    auc = answer["roc"]["auc"]
    _title(ax, "ROC: machines found over people taken for machines" + ("" if auc is None else f" (area {auc:.4f})"))
    if points:
        _, false, found = zip(*points, strict=True)
        ax.plot(false, found, color=INK, lw=1.5)
        wrong = answer["false_machine"]["share"] or 0.0
        missed = (answer["false_human"]["share"] or 0.0) + (answer["machine_other"]["share"] or 0.0)
        ax.plot(wrong, 1 - missed, "o", color=DECISION)
        ax.annotate(
            f"  in use: {100 * wrong:.1f} % / {100 * (1 - missed):.1f} %", (wrong, 1 - missed), fontsize=8, va="top"
        )
    ax.set_xlabel("human taken for machine", fontsize=8)
    ax.set_ylabel("machine taken for machine", fontsize=8)


def _draw_calibration(ax: Axes, calibration: Mapping[str, Any]) -> None:
    brier, ece = calibration["brier"], calibration["ece"]
    _title(ax, "Calibration of P(machine)" + ("" if brier is None else f" (Brier {brier:.3f}, error {ece:.3f})"))
    ax.plot([0, 1], [0, 1], color=FAINT, lw=0.8, ls=":")
    for probability, share, count in calibration["bins"]:
        ax.plot(probability, share, "o", color=ANSWER, ms=3 + np.sqrt(count))
        ax.annotate(f" {count}", (probability, share), fontsize=7)
    ax.set_xlabel("probability given", fontsize=8)
    ax.set_ylabel("share of machines", fontsize=8)


def _draw_latency(ax: Axes, judged: Sequence[Judged]) -> None:
    _title(ax, "Decision latency: share decided within so many seconds")
    for members, mark, words, colour in (
        (HUMAN, "greeting_end_s", "human, from the end of the greeting", ANSWER),
        (MACHINE, "onset_s", "machine, from its first voice", DECISION),
    ):
        rows = [each for each in judged if each.call.expected in members and each.got in members]
        times = sorted(time for each in rows if (time := each.after(mark)) is not None)
        if times:
            ax.step(times, np.arange(1, len(times) + 1) / len(times), where="post", color=colour, label=words)
    ax.set_xlim(-0.5, 6)
    if ax.lines:
        ax.legend(fontsize=8, loc="lower right")
    ax.set_xlabel("seconds", fontsize=8)


def _draw_confusion(ax: Axes, confusion: Mapping[str, Mapping[str, int]]) -> None:
    names = list(dict.fromkeys([*confusion, *(got for row in confusion.values() for got in row)]))
    table = np.array([[confusion.get(row, {}).get(column, 0) for column in names] for row in names], dtype=float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(table > 0):
        colour = "white" if shares[row, column] > 0.6 else INK
        ax.text(column, row, f"{int(table[row, column])}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_title("Confusion: expected down, given across", loc="left", fontsize=10, color=INK)
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    ax.set_yticks(range(len(names)), names, fontsize=7)
