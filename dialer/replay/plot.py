"""Pictures of replayed legs: what was heard, when, and why it was decided so.

matplotlib is an extra (`reports`); nothing else of replay imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dialer.detection import DetectionSettings
from dialer.replay.lane import LANES, Bar, bars_of
from dialer.replay.leg import BLOCK, FRAME, RATE, Block
from dialer.replay.listen import Task
from dialer.replay.recording import open_recording
from dialer.replay.result import LegResult
from dialer.replay.watch import probability_of

mpl.use("Agg")

LONGEST_S = 60.0
"""Audio drawn of a longer recording: from its start, or around the decision when that lies behind."""

MOST_LEGS = 4
"""Legs drawn side by side in one picture."""

INK, FAINT, ANSWER, DECISION, LOST, TRUTH = "#20262e", "#9aa4b1", "#2266cc", "#c02020", "#f2b8b8", "#14883a"


@dataclass(frozen=True)
class Span:
    """The part of a leg that is drawn.

    Attributes:
        start_s: where it begins in the recording.
        samples: int16 [n].
        lost: bool [ceil(n / FRAME)].
    """

    start_s: float
    samples: NDArray[np.int16]
    lost: NDArray[np.bool_]

    @property
    def end_s(self) -> float:
        """Where it ends in the recording."""
        return self.start_s + len(self.samples) / RATE


def draw(
    task: Task,
    results: Sequence[LegResult],
    target: Path,
    settings: DetectionSettings | None = None,
    truth: Mapping[str, float] | None = None,
    title: str = "",
) -> None:
    """Draw the legs of a recording side by side into a picture.

    Args:
        task: how it was replayed.
        results: what came out, one a leg.
        target: the PNG file.
        settings: of the detector, for the limits drawn beside the probability.
        truth: labelled times by name, drawn in green.
        title: words after the file's name.
    """
    shown = list(results[:MOST_LEGS])
    figure = Figure(figsize=(max(12.0, 9.0 * len(shown)), 9.6), layout="constrained")
    heights = {"height_ratios": [1.1, 2.0, 1.7, 1.2, 1.5]}
    grid = figure.subplots(5, len(shown), squeeze=False, gridspec_kw=heights)
    for column, (result, leg) in enumerate(zip(shown, open_recording(task.path, task.raw), strict=False)):
        span = _span(list(islice(leg.blocks(), _blocks_needed(result))), result)
        axes = list(grid[:, column])
        _draw_leg(axes, result, span, probability_of(task, leg, settings), settings)
        _draw_truth(axes, truth or {})
    figure.suptitle(f"{Path(task.path).name}  {title}", x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)


def _window(result: LegResult) -> tuple[float, float]:
    decided = result.verdict.at_s if result.verdict else 0.0
    start = 0.0 if decided < LONGEST_S - 5 else decided - LONGEST_S / 2
    return start, min(result.duration_s, start + LONGEST_S)


def _blocks_needed(result: LegResult) -> int:
    return int(np.ceil(_window(result)[1] * RATE / BLOCK))


def _span(blocks: Sequence[Block], result: LegResult) -> Span:
    start_s, end_s = _window(result)
    first = int(start_s * RATE) // FRAME * FRAME
    samples = np.concatenate([block.samples for block in blocks])
    lost = np.concatenate([block.lost for block in blocks])
    return Span(first / RATE, samples[first : int(end_s * RATE)], lost[first // FRAME :])


def _draw_leg(
    axes: list[Axes],
    result: LegResult,
    span: Span,
    probability: Sequence[tuple[float, float]],
    settings: DetectionSettings | None,
) -> None:
    waveform, spectrogram, lanes, chance, words = axes
    _draw_waveform(waveform, span)
    _draw_spectrogram(spectrogram, span)
    bars = bars_of(result)
    _draw_tones(spectrogram, bars)
    _draw_lanes(lanes, bars, span)
    _draw_probability(chance, probability, settings or DetectionSettings())
    for ax in axes[:4]:
        ax.set_xlim(span.start_s, span.end_s)
        ax.tick_params(labelsize=8, colors=INK)
        _mark(ax, result)
    chance.set_xlabel("seconds", fontsize=8, color=INK)
    for ax in axes[:3]:
        ax.tick_params(labelbottom=False)
    waveform.set_title(_headline(result), loc="left", fontsize=10, color=INK)
    _write_evidence(words, result)


def _headline(result: LegResult) -> str:
    verdict = result.verdict
    leg = "" if result.leg == "mono" else f"{result.leg}: "
    if verdict is None:
        return f"{leg}no verdict"
    code = "" if verdict.call_result is None else f" (call_result {verdict.call_result})"
    return f"{leg}{verdict.name}{code}, confidence {verdict.confidence:.3f}, decided at {result.decided_at_s:.2f} s"


def _mark(ax: Axes, result: LegResult) -> None:
    """The answer and every verdict as vertical lines."""
    if result.answered_at_s:
        ax.axvline(result.answered_at_s, color=ANSWER, lw=1.2, ls="--")
    for verdict in result.verdicts:
        ax.axvline(verdict.at_s, color=DECISION, lw=1.4)


def _draw_truth(axes: Sequence[Axes], truth: Mapping[str, float]) -> None:
    """The labelled times as dotted green lines through all panels, named in the first."""
    for name, at_s in truth.items():
        for ax in axes[:4]:
            ax.axvline(at_s, color=TRUTH, lw=1.1, ls=":")
        words = name.removesuffix("_s").replace("_", " ")
        axes[0].text(
            at_s, 0.02, f" {words}", transform=axes[0].get_xaxis_transform(), fontsize=7, color=TRUTH, va="bottom"
        )


def _draw_waveform(ax: Axes, span: Span) -> None:
    step = max(1, len(span.samples) // 3000)
    whole = span.samples[: len(span.samples) // step * step].reshape(-1, step)
    times = span.start_s + np.arange(len(whole)) * step / RATE
    ax.fill_between(times, whole.min(axis=1), whole.max(axis=1), color=INK, lw=0)
    peak = max(500, int(np.abs(span.samples.astype(int)).max(initial=1)))
    ax.set_ylim(-1.1 * peak, 1.1 * peak)
    ax.set_ylabel("waveform", fontsize=8, color=INK)
    for frame in np.flatnonzero(span.lost):
        start = span.start_s + frame * FRAME / RATE
        ax.axvspan(start, start + FRAME / RATE, color=LOST, lw=0)


def _draw_spectrogram(ax: Axes, span: Span) -> None:
    """Level over time and frequency, from 20 to 90 dB below full scale."""
    window, hop = 256, max(80, len(span.samples) // 1500)
    if len(span.samples) < window:
        return
    starts = np.arange(0, len(span.samples) - window + 1, hop)
    frames = span.samples[starts[:, np.newaxis] + np.arange(window)] * (np.hanning(window) / 32768 / window * 4)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)) + 1e-7)
    extent = (span.start_s, span.start_s + (starts[-1] + window) / RATE, 0.0, RATE / 2)
    ax.imshow(level.T, origin="lower", aspect="auto", extent=extent, vmin=-95, vmax=-20, cmap="magma")
    ax.set_ylabel("Hz", fontsize=8, color=INK)


def _draw_tones(ax: Axes, bars: Sequence[Bar]) -> None:
    """Tones as lines at their frequencies, over the spectrogram."""
    for bar in bars:
        for freq_hz in bar.freqs_hz:
            ax.plot([bar.start_s, bar.end_s], [freq_hz, freq_hz], color="#5ef2c0", lw=1.3, alpha=0.9)


def _draw_lanes(ax: Axes, bars: Sequence[Bar], span: Span) -> None:
    used = [lane for lane in LANES if any(bar.lane == lane for bar in bars)] or ["speech"]
    width = span.end_s - span.start_s
    last_label = dict.fromkeys(used, -np.inf)
    for bar in bars:
        row = used.index(bar.lane)
        ax.barh(row, max(bar.end_s - bar.start_s, 0.003 * width), left=bar.start_s, height=0.62, color=LANES[bar.lane])
        if bar.label and bar.start_s >= last_label[bar.lane]:
            near_end = bar.start_s > span.start_s + 0.75 * width
            ax.text(bar.end_s if near_end else bar.start_s, row, f" {bar.label} ", va="center",
                    ha="right" if near_end else "left", fontsize=7.5, color=INK)  # fmt: skip
            last_label[bar.lane] = bar.start_s + 0.0085 * width * len(bar.label)
    ax.set_yticks(range(len(used)), used, fontsize=8)
    ax.set_ylim(len(used) - 0.4, -0.6)
    ax.grid(axis="x", color="#e6e9ee", lw=0.6)
    ax.set_axisbelow(True)


def _draw_probability(ax: Axes, probability: Sequence[tuple[float, float]], settings: DetectionSettings) -> None:
    profile = settings.profiles[settings.profile]
    ax.axhline(profile.machine_at, color=FAINT, lw=0.8, ls=":")
    words: dict[str, Any] = {"fontsize": 7, "color": FAINT, "ha": "right", "va": "top"}
    ax.text(1.0, profile.machine_at, "machine at once", transform=ax.get_yaxis_transform(), **words)
    if probability:
        times, values = zip(*probability, strict=True)
        ax.step(times, values, where="post", color=INK, lw=1.3)
        ax.plot(times[-1], values[-1], "o", color=DECISION, ms=4)
    else:
        ax.text(0.01, 0.5, "no voice was weighed", transform=ax.transAxes, fontsize=8, color=FAINT, va="center")
    ax.set_ylim(-0.04, 1.04)
    ax.set_ylabel("P(machine)", fontsize=8, color=INK)


def _write_evidence(ax: Axes, result: LegResult) -> None:
    """The evidence of the verdict in words, the newest last."""
    ax.set_axis_off()
    chosen = result.verdict.evidence if result.verdict else result.evidence
    lines = [f"{each.at_s:7.2f} s  {each.kind:<14} {each.text[:110]}" for each in chosen[-9:]]
    lines += [f"note: {note[:120]}" for note in result.notes]
    answered = "never answered" if result.answered_at_s is None else f"answered at {result.answered_at_s:.2f} s (blue)"
    head = f"{result.codec}; {answered}; verdicts in red" + (
        f"; {result.lost_s:.2f} s lost (pink)" if result.lost_s else ""
    )
    text = "\n".join([head, *lines])
    ax.text(0, 1, text, transform=ax.transAxes, va="top", fontsize=7.5, family="monospace", color=INK)
