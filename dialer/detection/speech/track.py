"""What a channel's voice has done since the answer: runs of speech, pauses, level, pitch, colour, noise.

`SpeechTrack` carries sums and clocks per channel; `feature` turns them into the features of human or machine when
asked. It never decides. Rows are [channels] float64 and every operation is element-wise, so results are the same to
the bit for any chunk size, any number of channels and any neighbours. A channel that is heard alone is carried in plain
numbers by `LoneTrack`, until the matrix is wanted again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Field, Hop
from dialer.detection.level import RATE_HZ
from dialer.detection.spectrum import BANDS
from dialer.detection.speech import sums
from dialer.detection.speech.feature import features
from dialer.detection.speech.lone import LoneTrack
from dialer.detection.speech.sums import ALL_NAMES, ROW
from dialer.detection.speech.voice import Bool, Double, Float, VoiceMeter, covers

Rows = dict[str, Double]

_LEVELS: Final = slice(Field.BAND0, Field.BAND0 + BANDS)
_SHAPE, _SHAPE_SQUARE, _BEFORE, _QUIET, _FLOOR = (
    slice(ROW[f"{name}0"], ROW[f"{name}0"] + BANDS) for name in sums.BANDED
)


class SpeechTrack:
    """Follows the voice of all channels of a bank.

    Args:
        meter: tells speech from noise.
    """

    def __init__(self, meter: VoiceMeter) -> None:
        self.meter = meter
        self._matrix: Double = np.zeros((len(ALL_NAMES), 0))
        self._rows: Rows = {}
        self._lone: LoneTrack | None = None

    @property
    def state(self) -> Double:
        """The state of all channels, [rows, channels]."""
        self._join()
        return self._matrix

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return self._matrix.nbytes + self.meter.state.nbytes

    def attach(self, channels: int) -> None:
        """Make room for this many channels."""
        self._lone = None
        self.meter.attach(channels)
        self._matrix = np.zeros((len(ALL_NAMES), channels))
        self._rows = dict(zip(ALL_NAMES, self._matrix, strict=True))
        self.reset(np.arange(channels))

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels; their clocks start at zero."""
        self._join()
        self.meter.reset(channels)
        self._matrix[:, channels] = 0
        self._matrix[ROW["odds"], channels] = sums.START_ODDS
        self._matrix[ROW["first_at"], channels] = -1.0
        self._matrix[ROW["level_peak"], channels] = sums.START_PEAK_DBM0

    def now(self, name: str, channels: NDArray[np.intp]) -> Double:
        """Give one row of the state for these channels."""
        lone = self._lone
        if lone is not None and len(channels) == 1 and channels[0] == lone.channel:
            return np.array([lone.now[name]])
        row: Double = self.state[ROW[name]][channels]
        return row

    def step(self, hop: Hop) -> None:
        """Take one hop."""
        if len(hop.channels) == 1:
            self._step_alone(hop)
            return
        self._join()
        values = hop.values.astype(np.float64)
        odds, excess = self.meter.step(hop, values)
        whole = covers(hop.channels, self._matrix.shape[1])
        state = self._matrix if whole else self._matrix[:, hop.channels]
        s = self._rows if whole else dict(zip(ALL_NAMES, state, strict=True))
        known = ~(hop.lost | hop.tainted)
        speaking = _follow(s, odds, known)
        _segments(s, speaking)
        heard = speaking & known & ~hop.digital
        _colour(s, values, excess, heard)
        _shape(s, state, values, heard)
        _noise(s, values[Field.LEVEL], hop.digital, excess, ~speaking & known)
        _line(s, state, values[_LEVELS], self.meter.floor, ~speaking & known & ~hop.digital)
        if not whole:
            self._matrix[:, hop.channels] = state

    def _step_alone(self, hop: Hop) -> None:
        """Take a hop of one channel."""
        channel = int(hop.channels[0])
        if self._lone is None or self._lone.channel != channel:
            self._join()
            self._lone = LoneTrack(channel, self._matrix[:, channel].tolist(), self.meter.alone(channel))
        self._lone.step(hop)

    def _join(self) -> None:
        """Put the channel that was carried alone back among the others."""
        if self._lone is not None:
            lone, self._lone = self._lone, None
            self._matrix[:, lone.channel] = lone.column()
            self.meter.put(lone.channel, lone.voice)

    def features(self, channels: NDArray[np.intp]) -> Float:
        """Give FEATURES of these channels, float32 [features, k]; zero where nothing was heard yet."""
        lone = self._lone
        if lone is not None and len(channels) == 1 and channels[0] == lone.channel:
            columns = np.array(lone.column())[:, None]
        else:
            columns = self.state[:, channels]
        return features(dict(zip(ALL_NAMES, columns, strict=True)))


def _follow(s: Rows, odds: Double, known: Bool) -> Bool:
    """Smooth the odds and give where somebody speaks (with hysteresis)."""
    s["age"] += 1
    goal = np.clip(odds, -sums.ODDS_LIMIT, sums.ODDS_LIMIT)
    smooth = s["odds"] + sums.SMOOTH_ODDS * (goal - s["odds"])
    s["odds"][:] = np.where(known, smooth, s["odds"])
    speaking = s["odds"] > np.where(s["speaking"] > 0, sums.OFF, sums.ON)
    s["speaking"][:] = speaking
    return speaking


def _segments(s: Rows, speaking: Bool) -> None:
    """Runs of speech and the pauses between them."""
    age, pause = s["age"], s["pause"]
    fresh = speaking & (s["first_at"] < 0)
    resumed = speaking & (pause >= sums.BREAK_HOPS) & ~fresh
    s["first_at"][:] = np.where(fresh, age, s["first_at"])
    s["segments"] += fresh | resumed
    s["seg_start"][:] = np.where(fresh | resumed, age - 1, s["seg_start"])
    real = np.where(resumed, pause, 0)
    s["pauses"] += resumed
    s["pause_sum"] += real
    s["pause_square"] += real * real
    s["longest_pause"][:] = np.maximum(s["longest_pause"], real)
    s["last_pause"][:] = np.where(resumed, real, s["last_pause"])
    s["last_pause_at"][:] = np.where(resumed, age, s["last_pause_at"])
    started = s["first_at"] >= 0
    pause[:] = np.where(speaking | ~started, 0, pause + 1)
    length = np.where(speaking, age - s["seg_start"], 0)
    s["longest"][:] = np.maximum(s["longest"], length)
    s["first_seg"][:] = np.where(s["segments"] == 1, np.maximum(s["first_seg"], length), s["first_seg"])
    s["speech"] += speaking


def _colour(s: Rows, values: Double, excess: Double, heard: Bool) -> None:
    """Level, colour, pitch and rhythm of what is spoken."""
    one = heard.astype(np.float64)
    level, high = values[Field.LEVEL] * one, values[Field.HIGH] * one
    s["level"] += level
    s["level_square"] += level * level
    s["level_peak"][:] = np.where(heard, np.maximum(s["level_peak"], values[Field.LEVEL]), s["level_peak"])
    s["high"] += high
    s["high_square"] += high * high
    s["low"] += values[Field.LOW] * one
    s["voicing"] += values[Field.VOICING] * one
    s["flat"] += values[Field.FLATNESS] * one
    s["excess"] += excess * one
    s["change"] += np.abs(excess - s["excess_now"]) * one
    _rhythm(s, values[Field.LEVEL], heard)
    first = heard & (s["time"] == 0)
    s["time"] += one
    for name, value in (
        ("recent_level", values[Field.LEVEL]),
        ("recent_high", values[Field.HIGH]),
        ("recent_voicing", values[Field.VOICING]),
    ):
        gain = np.where(first, 1.0, sums.RECENT * one)
        s[name] += gain * (value - s[name])
    opening = one * (s["time"] <= sums.OPENING_HOPS)
    s["opening_level"] += level * opening
    s["opening_high"] += high * opening
    _pitch(s, values, one, opening)


def _shape(s: Rows, state: Double, values: Double, heard: Bool) -> None:
    """The long-term spectrum of the voice and how much it moves; how steeply and how deep the level falls."""
    level, bands = values[Field.LEVEL], values[_LEVELS]
    step = np.where(heard & (s["last_level"] < 0), level - s["last_level"], 0)
    s["rise"] += np.maximum(step, 0)
    s["fall"] += np.maximum(-step, 0)
    s["last_level"][:] = np.where(heard, level, 0)
    loud = heard & (level > s["level_peak"] - sums.LOUD_DB)
    s["since_loud"][:] = np.where(loud, 0, s["since_loud"] + 1)
    s["deep"] += heard & (level < s["level_peak"] - sums.DEEP_DB)
    s["shallow"] += heard & (level > s["level_peak"] - sums.SHALLOW_DB)
    relative = np.clip(bands - level, *sums.SHAPE_DB) * heard
    shapes = state[_SHAPE]
    shapes += relative
    squares = state[_SHAPE_SQUARE]
    squares += relative * relative


def _rhythm(s: Rows, level: Double, heard: Bool) -> None:
    """Syllable onsets: the level rises through its own slow mean."""
    gain = np.where(s["time"] == 0, 1.0, sums.SLOW)
    s["slow_level"][:] = np.where(heard, s["slow_level"] + gain * (level - s["slow_level"]), s["slow_level"])
    above = level > s["slow_level"] + sums.ONSET_DB
    onset = heard & above & (s["above_slow"] == 0) & (s["since_onset"] >= sums.REFRACTORY_HOPS)
    s["onsets"] += onset
    s["since_onset"][:] = np.where(onset, 0, s["since_onset"] + 1)
    s["above_slow"][:] = np.where(heard, above, 0)
    s["modulation"] += np.where(heard, np.abs(level - s["slow_level"]), 0)


def _pitch(s: Rows, values: Double, one: Double, opening: Double) -> None:
    """Sums of the logarithm of the pitch over voiced hops, and its line over time."""
    voiced = one * (values[Field.VOICING] > sums.VOICED)
    lag = np.rint(RATE_HZ / np.maximum(values[Field.PITCH], sums.LOWEST_PITCH_HZ)).astype(np.intp)
    pitch = sums.LOG2_PITCH[lag] * voiced
    at = s["age"] * 0.01 * voiced
    first = (voiced > 0) & (s["voiced"] == 0)
    s["voiced"] += voiced
    s["pitch"] += pitch
    s["pitch_square"] += pitch * pitch
    s["pitch_time"] += pitch * at
    s["time_square"] += at * at
    s["time_sum"] += at
    gain = np.where(first, 1.0, sums.RECENT_PITCH * voiced)
    s["recent_pitch"] += gain * (pitch - s["recent_pitch"])
    s["opening_pitch"] += pitch * opening
    s["opening_voiced"] += voiced * opening


def _noise(s: Rows, level: Double, digital: Bool, excess: Double, silent: Bool) -> None:
    """The line between the words: its level before the first and after it, and how sure the pause is."""
    started = s["first_at"] >= 0
    level = np.maximum(level, sums.LOWEST_DBM0)
    counts = silent & ~digital
    before, after = counts & ~started, counts & started & (s["pause"] >= sums.AFTER_HOPS)
    s["noise_before"] += np.where(before, level, 0)
    s["noise_before_n"] += before
    s["noise_after"] += np.where(after, level, 0)
    s["noise_after_n"] += after
    s["digital_after"] += silent & digital & started
    fresh = s["pause"] <= 1
    odds = s["pause_odds"] + sums.PAUSE_ODDS * (s["odds"] - s["pause_odds"])
    s["pause_odds"][:] = np.where(fresh, s["odds"], odds)
    s["excess_now"][:] = np.where(silent | ~started, s["excess_now"] + sums.EXCESS * (excess - s["excess_now"]), excess)


def _line(s: Rows, state: Double, levels: Double, floor: Double, quiet: Bool) -> None:
    """Band levels of the line before the first word and in the pause that is on: a recording brings its own noise."""
    started = s["first_at"] >= 0
    before = quiet & ~started & (s["age"] > sums.START_HOPS)
    s["before_n"] += before
    share = np.where(before, 1 / np.maximum(np.minimum(s["before_n"], sums.LINE_HOPS), 1), 0.0)
    rows = state[_BEFORE]
    rows += share * (levels - rows)
    now = quiet & started & (s["pause"] >= sums.QUIET_FROM)
    gain = np.where(s["pause"] == sums.QUIET_FROM, 1.0, sums.QUIET) * now
    rows = state[_QUIET]
    rows += gain * (levels - rows)
    state[_FLOOR] = floor
