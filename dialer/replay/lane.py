"""Evidence as bars on a time line: which lane it belongs to, from when to when, and its short label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dialer.detection import Evidence
from dialer.replay.result import LegResult

LANES = {
    "speech": "#4c8bd6",
    "ringback": "#7bb66b",
    "tone": "#3aa58c",
    "cadence": "#c7a12b",
    "SIT": "#b0569f",
    "fax": "#7a6bd1",
    "beep": "#e0723c",
    "music": "#9b8c5a",
    "silence": "#9aa4b1",
    "other": "#8a6f6f",
}
"""Lanes from top to bottom, and their colours."""

LANE_OF_KIND = {
    "ringback": "ringback",
    "tone_segment": "tone",
    "cadence": "cadence",
    "sit_segment": "SIT",
    "sit": "SIT",
    "fax": "fax",
    "beep_end": "beep",
    "music": "music",
    "silence": "silence",
    "digital_silence": "silence",
    "steady_noise": "silence",
    "no_media": "silence",
}
"""Lane by kind of evidence; speech and the start of beeps are joined to spans, probabilities have their own panel."""

JOINED = {"speech_start", "speech_end", "beep_start", "probability"}


@dataclass(frozen=True)
class Bar:
    """A stretch of one lane.

    Attributes:
        lane: a key of LANES.
        start_s: from when.
        end_s: until when.
        label: a few words, may be empty.
        freqs_hz: frequencies that sounded, for tones.
    """

    lane: str
    start_s: float
    end_s: float
    label: str = ""
    freqs_hz: tuple[float, ...] = ()


def bars_of(result: LegResult) -> list[Bar]:
    """The evidence of a leg as bars in the order of time."""
    bars = [*_speech(result.evidence, result.duration_s), *_others(result.evidence)]
    return sorted(bars, key=lambda bar: (bar.start_s, bar.lane))


def _speech(evidence: Iterable[Evidence], end_s: float) -> Iterator[Bar]:
    start: float | None = None
    for each in evidence:
        if each.kind == "speech_start":
            start = float(each.data.get("start_s", each.at_s))
        elif each.kind == "speech_end" and start is not None:
            end = float(each.data.get("end_s", each.at_s))
            yield Bar("speech", start, end, f"{end - start:.2f} s" if end - start > 1 else "")
            start = None
    if start is not None:
        yield Bar("speech", start, end_s, "not over at the end of the analysis")


def _others(evidence: Iterable[Evidence]) -> Iterator[Bar]:
    for each in evidence:
        if each.kind in JOINED:
            continue
        lane = LANE_OF_KIND.get(each.kind, "other")
        start = float(each.data.get("start_s", each.data.get("onset_s", each.at_s)))
        end = float(each.data.get("end_s", each.at_s))
        freqs = each.data.get("freqs_hz") or ([each.data["freq_hz"]] if "freq_hz" in each.data else [])
        label = f"{each.data['freq_hz']:.0f} Hz" if each.kind == "sit_segment" else each.text[:60]
        yield Bar(lane, start, max(start, end), label, tuple(float(freq) for freq in freqs) if end > start else ())
