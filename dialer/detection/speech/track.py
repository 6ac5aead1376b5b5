"""What a channel's voice has done since the answer: runs of speech, pauses, level, pitch, colour, noise.

`SpeechTrack` carries sums and clocks per channel and turns them into the features of `FEATURES` when asked. It never
decides. All arrays are [rows, channels] float32 and every operation is element-wise, so results are the same to the
bit for any chunk size, any number of channels and any neighbours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Field, Hop
from dialer.detection.speech.voice import BANDS, Float, VoiceMeter, covers

BREAK_HOPS: Final = np.float32(8)
"""A gap shorter than 80 ms belongs to the segment it lies in (stop consonants, single lost frames)."""

LOUD_DB: Final = np.float32(9.0)
"""What lies further under the loudest 10 ms of the talker may be other people talking in the background."""

_SMOOTH_ODDS: Final = np.float32(0.4)
_ODDS_LIMIT: Final = np.float32(6.0)
_ON: Final = np.float32(0.5)
_OFF: Final = np.float32(0.0)
_REFRACTORY: Final = np.float32(9)  # hops between syllable onsets: at most 11 a second
_ONSET_DB: Final = np.float32(2.0)
_RECENT: Final = np.float32(0.06)  # about 160 ms
Values = tuple[NDArray[np.floating[Any]], ...]

_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)
_HOP_S: Final = np.float32(0.01)
_OPENING_HOPS: Final = np.float32(60)  # speech hops that count as the opening

_ROW_NAMES: Final = (
    "age", "odds", "speaking", "first_at", "seg_start", "pause", "speech", "segments", "longest", "first_seg",
    "pauses", "pause_sum", "pause_square", "longest_pause", "last_pause", "last_pause_at", "onsets", "since_onset",
    "above_slow", "level", "level_square", "level_peak", "high", "high_square", "low", "voicing", "flat", "change",
    "excess", "voiced", "pitch", "pitch_square", "pitch_time", "time", "time_square", "recent_level", "recent_pitch",
    "recent_voicing", "recent_high", "opening_level", "opening_high", "opening_pitch", "opening_voiced", "slow_level",
    "noise_before", "noise_before_n", "noise_after", "noise_after_n", "digital_after", "pause_odds", "modulation",
    "excess_now", "time_sum", "last_level", "fall", "rise", "deep", "shallow",
    *(f"shape{band}" for band in range(BANDS)), *(f"shape_square{band}" for band in range(BANDS)),
    *(f"before{band}" for band in range(BANDS)), *(f"quiet{band}" for band in range(BANDS)),
    *(f"floor{band}" for band in range(BANDS)), "before_n",
    "since_loud",
)  # fmt: skip
_ROW: Final = {name: number for number, name in enumerate(_ROW_NAMES)}

FEATURES: Final = (
    "first_at_s", "since_first_s", "speech_s", "segment_s", "longest_s", "first_segment_s", "segments", "pause_s",
    "longest_pause_s", "last_pause_s", "since_last_pause_s", "mean_pause_s", "pause_deviation_s", "pauses",
    "speech_ratio", "onset_rate", "onsets", "since_onset_s", "snr_db", "level_deviation_db", "crest_db", "end_level_db",
    "level_drift_db", "pitch_log2", "pitch_deviation", "pitch_slope", "pitch_end", "pitch_drift", "voiced_ratio",
    "voicing", "voicing_end", "high_share", "high_deviation", "high_drift", "low_share", "flatness", "change",
    "modulation_db", "noise_step_db", "noise_before_dbm0", "pause_odds", "pause_excess_db", "digital_pause", "odds",
    "pause_step_db", "pause_step_max_db", "floor_step_db", "floor_step_max_db", "fall_db", "rise_db", "deep_share",
    "shallow_share", "shape_deviation_db", *(f"shape{band}_db" for band in range(BANDS)), *(f"spread{band}_db" for
    band in range(BANDS)),
)  # fmt: skip
"""Names of the features, in the order of the rows that `SpeechTrack.features` gives."""


class SpeechTrack:
    """Follows the voice of all channels of a bank.

    Args:
        meter: tells speech from noise.
    """

    def __init__(self, meter: VoiceMeter) -> None:
        self.meter = meter
        self.state = np.zeros((len(_ROW_NAMES), 0), np.float32)
        self._rows: dict[str, Float] = {}

    def attach(self, channels: int) -> None:
        """Make room for this many channels."""
        self.meter.attach(channels)
        self.state = np.zeros((len(_ROW_NAMES), channels), np.float32)
        self._rows = dict(zip(_ROW_NAMES, self.state, strict=True))
        self.reset(np.arange(channels))

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels; their clocks start at zero."""
        self.meter.reset(channels)
        self.state[:, channels] = 0
        self.state[_ROW["odds"], channels] = -4.0
        self.state[_ROW["first_at"], channels] = -1.0
        self.state[_ROW["level_peak"], channels] = -96.0

    def row(self, name: str) -> Float:
        """One row of the state, a view [channels]."""
        row: Float = self.state[_ROW[name]]
        return row

    def step(self, hop: Hop) -> None:
        """Take one hop."""
        odds, excess, _ = self.meter.step(hop)
        whole = covers(hop.channels, self.state.shape[1])
        state = self.state if whole else self.state[:, hop.channels]
        s = self._rows if whole else dict(zip(_ROW_NAMES, state, strict=True))
        known = ~(hop.lost | hop.tainted)
        speaking = _follow(s, odds, known)
        _segments(s, speaking)
        heard = speaking & known & ~hop.digital
        _colour(s, hop, excess, heard)
        _shape(s, state, hop, self.meter.bands, heard)
        _noise(s, hop, excess, ~speaking & known)
        _line(s, state, self.meter, ~speaking & known & ~hop.digital)
        if not whole:
            self.state[:, hop.channels] = state

    def features(self, channels: NDArray[np.intp]) -> Float:
        """Give FEATURES of these channels, float32 [features, k]; zero where nothing was heard yet."""
        s = dict(zip(_ROW_NAMES, self.state[:, channels], strict=True))
        return _features(s)


def _follow(s: dict[str, Float], odds: Float, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Smooth the odds and give where somebody speaks (with hysteresis)."""
    s["age"] += 1
    goal = np.clip(odds, -_ODDS_LIMIT, _ODDS_LIMIT)
    smooth = s["odds"] + _SMOOTH_ODDS * (goal - s["odds"])
    s["odds"][:] = np.where(known, smooth, s["odds"])
    speaking = s["odds"] > np.where(s["speaking"] > 0, _OFF, _ON)
    s["speaking"][:] = speaking
    return speaking


def _segments(s: dict[str, Float], speaking: NDArray[np.bool_]) -> None:
    """Runs of speech and the pauses between them."""
    age, pause = s["age"], s["pause"]
    fresh = speaking & (s["first_at"] < 0)
    resumed = speaking & (pause >= BREAK_HOPS) & ~fresh
    s["first_at"][:] = np.where(fresh, age, s["first_at"])
    s["segments"] += fresh | resumed
    s["seg_start"][:] = np.where(fresh | resumed, age - 1, s["seg_start"])
    real = np.where(resumed, pause, np.float32(0))
    s["pauses"] += resumed
    s["pause_sum"] += real
    s["pause_square"] += real * real
    s["longest_pause"][:] = np.maximum(s["longest_pause"], real)
    s["last_pause"][:] = np.where(resumed, real, s["last_pause"])
    s["last_pause_at"][:] = np.where(resumed, age, s["last_pause_at"])
    started = s["first_at"] >= 0
    pause[:] = np.where(speaking | ~started, np.float32(0), pause + 1)
    length = np.where(speaking, age - s["seg_start"], np.float32(0))
    s["longest"][:] = np.maximum(s["longest"], length)
    s["first_seg"][:] = np.where(s["segments"] == 1, np.maximum(s["first_seg"], length), s["first_seg"])
    s["speech"] += speaking


def _colour(s: dict[str, Float], hop: Hop, excess: Float, heard: NDArray[np.bool_]) -> None:
    """Level, colour, pitch and rhythm of what is spoken."""
    one = heard.astype(np.float32)
    level, high = hop[Field.LEVEL] * one, hop[Field.HIGH] * one
    s["level"] += level
    s["level_square"] += level * level
    s["level_peak"][:] = np.where(heard, np.maximum(s["level_peak"], hop[Field.LEVEL]), s["level_peak"])
    s["high"] += high
    s["high_square"] += high * high
    s["low"] += hop[Field.LOW] * one
    s["voicing"] += hop[Field.VOICING] * one
    s["flat"] += hop[Field.FLATNESS] * one
    s["excess"] += excess * one
    s["change"] += np.abs(excess - s["excess_now"]) * one
    _rhythm(s, hop[Field.LEVEL], heard)
    first = heard & (s["time"] == 0)
    s["time"] += one
    for name, value in (
        ("recent_level", hop[Field.LEVEL]),
        ("recent_high", hop[Field.HIGH]),
        ("recent_voicing", hop[Field.VOICING]),
    ):
        gain = np.where(first, np.float32(1), _RECENT * one)
        s[name] += gain * (value - s[name])
    opening = one * (s["time"] <= _OPENING_HOPS)
    s["opening_level"] += level * opening
    s["opening_high"] += high * opening
    _pitch(s, hop, one, opening)


def _shape(s: dict[str, Float], state: Float, hop: Hop, bands: Float, heard: NDArray[np.bool_]) -> None:
    """The long-term spectrum of the voice and how much it moves; how steeply and how deep the level falls."""
    level = hop[Field.LEVEL]
    step = np.where(heard & (s["last_level"] < 0), level - s["last_level"], np.float32(0))
    s["rise"] += np.maximum(step, np.float32(0))
    s["fall"] += np.maximum(-step, np.float32(0))
    s["last_level"][:] = np.where(heard, level, np.float32(0))
    loud = heard & (level > s["level_peak"] - LOUD_DB)
    s["since_loud"][:] = np.where(loud, np.float32(0), s["since_loud"] + 1)
    s["deep"] += heard & (level < s["level_peak"] - np.float32(26))
    s["shallow"] += heard & (level > s["level_peak"] - np.float32(10))
    relative = np.clip(bands - level, -50, 10) * heard
    shapes = state[_ROW["shape0"] : _ROW["shape0"] + BANDS]
    shapes += relative
    squares = state[_ROW["shape_square0"] : _ROW["shape_square0"] + BANDS]
    squares += relative * relative


def _rhythm(s: dict[str, Float], level: Float, heard: NDArray[np.bool_]) -> None:
    """Syllable onsets: the level rises through its own slow mean."""
    gain = np.where(s["time"] == 0, np.float32(1), np.float32(0.08))
    s["slow_level"][:] = np.where(heard, s["slow_level"] + gain * (level - s["slow_level"]), s["slow_level"])
    above = level > s["slow_level"] + _ONSET_DB
    onset = heard & above & (s["above_slow"] == 0) & (s["since_onset"] >= _REFRACTORY)
    s["onsets"] += onset
    s["since_onset"][:] = np.where(onset, np.float32(0), s["since_onset"] + 1)
    s["above_slow"][:] = np.where(heard, above, np.float32(0))
    s["modulation"] += np.where(heard, np.abs(level - s["slow_level"]), np.float32(0))


def _pitch(s: dict[str, Float], hop: Hop, one: Float, opening: Float) -> None:
    """Sums of the logarithm of the pitch over voiced hops, and its line over time."""
    voiced = one * (hop[Field.VOICING] > np.float32(0.55))
    pitch = np.log2(np.maximum(np.ascontiguousarray(hop[Field.PITCH]), np.float32(50))) * voiced
    at = s["age"] * np.float32(0.01) * voiced
    first = (voiced > 0) & (s["voiced"] == 0)
    s["voiced"] += voiced
    s["pitch"] += pitch
    s["pitch_square"] += pitch * pitch
    s["pitch_time"] += pitch * at
    s["time_square"] += at * at
    s["time_sum"] += at
    gain = np.where(first, np.float32(1), np.float32(0.1) * voiced)
    s["recent_pitch"] += gain * (pitch - s["recent_pitch"])
    s["opening_pitch"] += pitch * opening
    s["opening_voiced"] += voiced * opening


def _noise(s: dict[str, Float], hop: Hop, excess: Float, silent: NDArray[np.bool_]) -> None:
    """The line between the words: its level before the first and after it, and how sure the pause is."""
    started = s["first_at"] >= 0
    level = np.maximum(hop[Field.LEVEL], np.float32(-74))
    counts = silent & ~hop.digital
    before, after = counts & ~started, counts & started & (s["pause"] >= 5)
    s["noise_before"] += np.where(before, level, np.float32(0))
    s["noise_before_n"] += before
    s["noise_after"] += np.where(after, level, np.float32(0))
    s["noise_after_n"] += after
    s["digital_after"] += silent & hop.digital & started
    fresh = s["pause"] <= 1
    s["pause_odds"][:] = np.where(fresh, s["odds"], s["pause_odds"] + np.float32(0.15) * (s["odds"] - s["pause_odds"]))
    s["excess_now"][:] = np.where(
        silent | ~started, s["excess_now"] + np.float32(0.2) * (excess - s["excess_now"]), excess
    )


def _line(s: dict[str, Float], state: Float, meter: VoiceMeter, quiet: NDArray[np.bool_]) -> None:
    """Band levels of the line before the first word and in the pause that is on: a recording brings its own noise."""
    started = s["first_at"] >= 0
    before = quiet & ~started & (s["age"] > 4)
    s["before_n"] += before
    share = np.where(
        before, np.float32(1) / np.maximum(np.minimum(s["before_n"], np.float32(60)), np.float32(1)), np.float32(0)
    )
    rows = state[_ROW["before0"] : _ROW["before0"] + BANDS]
    rows += share * (meter.bands - rows)
    now = quiet & started & (s["pause"] >= 3)
    gain = np.where(s["pause"] == 3, np.float32(1), np.float32(0.12)) * now
    rows = state[_ROW["quiet0"] : _ROW["quiet0"] + BANDS]
    rows += gain * (meter.bands - rows)
    state[_ROW["floor0"] : _ROW["floor0"] + BANDS] = meter.floor


def _steps(s: dict[str, Float], kind: str, valid: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Mean and highest rise over the bands from the line before the first word, in dB."""
    rises = [np.where(valid, s[f"{kind}{band}"] - s[f"before{band}"], np.float32(0)) for band in range(BANDS)]
    mean: Float = rises[0]
    highest: Float = rises[0]
    for rise in rises[1:]:
        mean, highest = mean + rise, np.maximum(highest, rise)
    mean = mean / np.float32(BANDS)
    return mean, highest


def _features(s: dict[str, Float]) -> Float:
    """Turn sums into features, in the order of FEATURES."""
    values = (*_clock(s), *_level(s), *_melody(s), *_hue(s), *_surroundings(s), *_form(s))
    return np.stack([np.asarray(value, np.float32) for value in values])


def _since_first(s: dict[str, Float]) -> Float:
    """Hops since the first voice, this one included; 0 before it."""
    since: Float = np.where(s["first_at"] >= 0, s["age"] - s["first_at"] + 1, _ZERO)
    return since


def _heard_hops(s: dict[str, Float]) -> Float:
    """Hops of speech that the sums hold, at least one."""
    return np.maximum(s["time"], _ONE)


def _opening_hops(s: dict[str, Float]) -> Float:
    """Hops of speech that the sums over the opening hold, at least one."""
    return np.maximum(np.minimum(s["time"], _OPENING_HOPS), _ONE)


def _clock(s: dict[str, Float]) -> Values:
    """When and how long: speech, segments, pauses, syllables."""
    hop_s, n, since = _HOP_S, _heard_hops(s), _since_first(s)
    started = s["first_at"] >= 0
    pauses = np.maximum(s["pauses"], _ONE)
    mean_pause = s["pause_sum"] / pauses
    segment = np.where(s["speaking"] > 0, s["age"] - s["seg_start"], _ZERO)
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
        np.sqrt(np.maximum(s["pause_square"] / pauses - mean_pause * mean_pause, _ZERO)) * hop_s,
        s["pauses"],
        s["speech"] / np.maximum(since, _ONE),
        s["onsets"] / (n * hop_s),
        s["onsets"],
        s["since_onset"] * hop_s,
    )


def _level(s: dict[str, Float]) -> Values:
    """How loud against the line, against itself and against the opening."""
    n = _heard_hops(s)
    level = s["level"] / n
    return (
        s["excess"] / n,
        np.sqrt(np.maximum(s["level_square"] / n - level * level, _ZERO)),
        np.where(s["time"] > 0, s["level_peak"] - level, _ZERO),
        s["recent_level"] - level,
        level - s["opening_level"] / _opening_hops(s),
    )


def _melody(s: dict[str, Float]) -> Values:
    """The pitch and its course, and how much is voiced."""
    n, v = _heard_hops(s), np.maximum(s["voiced"], _ONE)
    pitch, at = s["pitch"] / v, s["time_sum"] / v
    spread = np.maximum(s["time_square"] / v - at * at, np.float32(1e-3))
    slope = (s["pitch_time"] / v - pitch * at) / spread
    first_v = np.maximum(s["opening_voiced"], _ONE)
    return (
        pitch,
        np.sqrt(np.maximum(s["pitch_square"] / v - pitch * pitch, _ZERO)),
        np.where(s["voiced"] > 15, slope, _ZERO),
        s["recent_pitch"] - pitch,
        np.where(s["opening_voiced"] > 0, pitch - s["opening_pitch"] / first_v, _ZERO),
        s["voiced"] / n,
        s["voicing"] / n,
        s["recent_voicing"] - s["voicing"] / n,
    )


def _hue(s: dict[str, Float]) -> Values:
    """How bright, how dark, how flat, and how much that moves."""
    n = _heard_hops(s)
    high = s["high"] / n
    return (
        high,
        np.sqrt(np.maximum(s["high_square"] / n - high * high, _ZERO)),
        high - s["opening_high"] / _opening_hops(s),
        s["low"] / n,
        s["flat"] / n,
        s["change"] / n,
        s["modulation"] / n,
    )


def _surroundings(s: dict[str, Float]) -> Values:
    """The line before, between and after the words."""
    hop_s = _HOP_S
    counted = np.maximum(s["noise_before_n"], _ONE), np.maximum(s["noise_after_n"], _ONE)
    before = np.where(s["noise_before_n"] > 0, s["noise_before"] / counted[0], np.float32(-74))
    after = np.where(s["noise_after_n"] > 0, s["noise_after"] / counted[1], before)
    both = (s["noise_before_n"] > 4) & (s["noise_after_n"] > 4)
    had_line = s["before_n"] > 3
    return (
        np.where(both, after - before, _ZERO),
        before,
        s["pause_odds"],
        s["excess_now"],
        s["digital_after"] * hop_s,
        s["odds"],
        *_steps(s, "quiet", had_line & (s["pause"] >= 10)),
        *_steps(s, "floor", had_line & (_since_first(s) > 100)),
    )


def _form(s: dict[str, Float]) -> Values:
    """How steeply and how deep the level moves; the long-term spectrum and its spread."""
    n = _heard_hops(s)
    shapes = [s[f"shape{band}"] / n for band in range(BANDS)]
    spreads = [np.sqrt(np.maximum(s[f"shape_square{b}"] / n - shapes[b] * shapes[b], _ZERO)) for b in range(BANDS)]
    mean_spread: Float = np.asarray(sum(spreads) / np.float32(BANDS), np.float32)
    return (
        s["fall"] / n,
        s["rise"] / n,
        s["deep"] / n,
        s["shallow"] / n,
        mean_spread,
        *shapes,
        *spreads,
    )
