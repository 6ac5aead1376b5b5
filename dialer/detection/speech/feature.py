"""The features of human or machine: what the sums and clocks of `SpeechTrack` amount to.

Every operation is element-wise, so a channel's features do not depend on its neighbours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.spectrum import BANDS
from dialer.detection.speech.sums import OPENING_HOPS

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Values = tuple[NDArray[np.floating[Any]], ...]

HOP_S: Final = float(np.float32(0.01))  # single, as the thresholds that were learned: counts of hops often meet them

FEATURES: Final = (
    "first_at_s", "since_first_s", "speech_s", "segment_s", "longest_s", "first_segment_s", "segments", "pause_s",
    "longest_pause_s", "last_pause_s", "since_last_pause_s", "mean_pause_s", "pause_deviation_s", "pauses",
    "speech_ratio", "onset_rate", "onsets", "since_onset_s", "snr_db", "level_deviation_db", "crest_db", "end_level_db",
    "level_drift_db", "pitch_log2", "pitch_deviation", "pitch_slope", "pitch_end", "pitch_drift", "voiced_ratio",
    "voicing", "voicing_end", "high_share", "high_deviation", "high_drift", "low_share", "flatness", "change",
    "modulation_db", "noise_step_db", "noise_before_dbm0", "pause_odds", "pause_excess_db", "digital_pause", "odds",
    "pause_step_db", "pause_step_max_db", "floor_step_db", "floor_step_max_db", "fall_db", "rise_db", "deep_share",
    "shallow_share", "since_loud_s", "shape_deviation_db", *(f"shape{band}_db" for band in range(BANDS)),
    *(f"spread{band}_db" for band in range(BANDS)),
)  # fmt: skip
"""Names of the features, in the order of the rows that `SpeechTrack.features` gives."""


def _steps(s: dict[str, Double], kind: str, valid: NDArray[np.bool_]) -> tuple[Double, Double]:
    """Mean and highest rise over the bands from the line before the first word, in dB."""
    rises = [np.where(valid, s[f"{kind}{band}"] - s[f"before{band}"], 0) for band in range(BANDS)]
    mean: Double = rises[0]
    highest: Double = rises[0]
    for rise in rises[1:]:
        mean, highest = mean + rise, np.maximum(highest, rise)
    mean = mean / BANDS
    return mean, highest


def features(s: dict[str, Double]) -> Float:
    """Turn sums into features, in the order of FEATURES."""
    values = (*_clock(s), *_level(s), *_melody(s), *_hue(s), *_surroundings(s), *_form(s))
    out = np.empty((len(FEATURES), len(s["age"])), np.float32)
    for row, value in enumerate(values):
        out[row] = value
    return out


def _since_first(s: dict[str, Double]) -> Double:
    """Hops since the first voice, this one included; 0 before it."""
    since: Double = np.where(s["first_at"] >= 0, s["age"] - s["first_at"] + 1, 0.0)
    return since


def _heard_hops(s: dict[str, Double]) -> Double:
    """Hops of speech that the sums hold, at least one."""
    return np.maximum(s["time"], 1.0)


def _opening_hops(s: dict[str, Double]) -> Double:
    """Hops of speech that the sums over the opening hold, at least one."""
    return np.maximum(np.minimum(s["time"], OPENING_HOPS), 1.0)


def _clock(s: dict[str, Double]) -> Values:
    """When and how long: speech, segments, pauses, syllables."""
    hop_s, n, since = HOP_S, _heard_hops(s), _since_first(s)
    started = s["first_at"] >= 0
    pauses = np.maximum(s["pauses"], 1.0)
    mean_pause = s["pause_sum"] / pauses
    segment = np.where(s["speaking"] > 0, s["age"] - s["seg_start"], 0.0)
    return (
        np.where(started, s["first_at"], s["age"]) * hop_s,
        since * hop_s,
        s["speech"] * hop_s,
        segment * hop_s,
        s["longest"] * hop_s,
        s["first_seg"] * hop_s,
        s["segments"],
        s["pause"] * hop_s,
        s["longest_pause"] * hop_s,
        s["last_pause"] * hop_s,
        np.where(s["pauses"] > 0, s["age"] - s["last_pause_at"], since) * hop_s,
        mean_pause * hop_s,
        np.sqrt(np.maximum(s["pause_square"] / pauses - mean_pause * mean_pause, 0.0)) * hop_s,
        s["pauses"],
        s["speech"] / np.maximum(since, 1.0),
        s["onsets"] / (n * hop_s).astype(np.float32),
        s["onsets"],
        s["since_onset"] * hop_s,
    )


def _level(s: dict[str, Double]) -> Values:
    """How loud against the line, against itself and against the opening."""
    n = _heard_hops(s)
    level = s["level"] / n
    return (
        s["excess"] / n,
        np.sqrt(np.maximum(s["level_square"] / n - level * level, 0.0)),
        np.where(s["time"] > 0, s["level_peak"] - level, 0.0),
        s["recent_level"] - level,
        level - s["opening_level"] / _opening_hops(s),
    )


def _melody(s: dict[str, Double]) -> Values:
    """The pitch and its course, and how much is voiced."""
    n, v = _heard_hops(s), np.maximum(s["voiced"], 1.0)
    pitch, at = s["pitch"] / v, s["time_sum"] / v
    spread = np.maximum(s["time_square"] / v - at * at, 1e-3)
    slope = (s["pitch_time"] / v - pitch * at) / spread
    first_v = np.maximum(s["opening_voiced"], 1.0)
    return (
        pitch,
        np.sqrt(np.maximum(s["pitch_square"] / v - pitch * pitch, 0.0)),
        np.where(s["voiced"] > 15, slope, 0.0),
        s["recent_pitch"] - pitch,
        np.where(s["opening_voiced"] > 0, pitch - s["opening_pitch"] / first_v, 0.0),
        s["voiced"] / n,
        s["voicing"] / n,
        s["recent_voicing"] - s["voicing"] / n,
    )


def _hue(s: dict[str, Double]) -> Values:
    """How bright, how dark, how flat, and how much that moves."""
    n = _heard_hops(s)
    high = s["high"] / n
    return (
        high,
        np.sqrt(np.maximum(s["high_square"] / n - high * high, 0.0)),
        high - s["opening_high"] / _opening_hops(s),
        s["low"] / n,
        s["flat"] / n,
        s["change"] / n,
        s["modulation"] / n,
    )


def _surroundings(s: dict[str, Double]) -> Values:
    """The line before, between and after the words."""
    hop_s = HOP_S
    counted = np.maximum(s["noise_before_n"], 1.0), np.maximum(s["noise_after_n"], 1.0)
    before = np.where(s["noise_before_n"] > 0, s["noise_before"] / counted[0], -74)
    after = np.where(s["noise_after_n"] > 0, s["noise_after"] / counted[1], before)
    both = (s["noise_before_n"] > 4) & (s["noise_after_n"] > 4)
    had_line = s["before_n"] > 3
    return (
        np.where(both, after - before, 0.0),
        before,
        s["pause_odds"],
        s["excess_now"],
        s["digital_after"] * hop_s,
        s["odds"],
        *_steps(s, "quiet", had_line & (s["pause"] >= 10)),
        *_steps(s, "floor", had_line & (_since_first(s) > 100)),
    )


def _form(s: dict[str, Double]) -> Values:
    """How steeply and how deep the level moves; the long-term spectrum and its spread."""
    n = _heard_hops(s)
    shapes = [s[f"shape{band}"] / n for band in range(BANDS)]
    spreads = [np.sqrt(np.maximum(s[f"shape_square{b}"] / n - shapes[b] * shapes[b], 0.0)) for b in range(BANDS)]
    mean_spread: Double = np.asarray(sum(spreads) / BANDS)
    return (
        s["fall"] / n,
        s["rise"] / n,
        s["deep"] / n,
        s["shallow"] / n,
        s["since_loud"] * HOP_S,
        mean_spread,
        *shapes,
        *spreads,
    )
