"""One channel's sums and clocks in plain numbers: the same as `SpeechTrack`, to the bit.

A recording heard alone would spend most of its time calling numpy on arrays of one. Each function here stands beside
one of `track`, and says in plain numbers what that says in arrays.
"""

from __future__ import annotations

from typing import Final

from dialer.detection.frontend import Field, Hop
from dialer.detection.level import RATE_HZ
from dialer.detection.spectrum import BANDS
from dialer.detection.speech import sums
from dialer.detection.speech.sums import BANDED, ROW_NAMES
from dialer.detection.speech.voice import LoneVoice

_LEVELS: Final = slice(Field.BAND0, Field.BAND0 + BANDS)
_LOG2_PITCH: Final[list[float]] = sums.LOG2_PITCH.tolist()
_MANY: Final = len(ROW_NAMES)
Numbers = dict[str, float]


class LoneTrack:
    """One channel's state, taken out of the track's matrix.

    Args:
        channel: which one.
        column: its column of the matrix.
        voice: its voice meter.
    """

    def __init__(self, channel: int, column: list[float], voice: LoneVoice) -> None:
        self.channel = channel
        self.voice = voice
        self.now: Numbers = dict(zip(ROW_NAMES, column[:_MANY], strict=True))
        self._bands = {name: column[_MANY + n * BANDS :][:BANDS] for n, name in enumerate(BANDED)}

    def column(self) -> list[float]:
        """Give the state as a column of the matrix."""
        self._bands["floor"] = self.voice.floor
        return [*self.now.values(), *(level for name in BANDED for level in self._bands[name])]

    def step(self, hop: Hop) -> None:
        """Take one hop of this channel."""
        values: list[float] = hop.values[:, 0].tolist()
        digital, lost, tainted = bool(hop.digital[0]), bool(hop.lost[0]), bool(hop.tainted[0])
        locked = bool(hop.locked[0])
        known = not (lost or tainted)
        odds, excess = self.voice.step(values, known and not (digital or locked), digital and not lost)
        s = self.now
        speaking = _follow(s, odds, known=known)
        _segments(s, speaking=speaking)
        heard = speaking and known and not digital
        s["since_onset"] += 1
        s["since_loud"] += 1
        if heard:
            _colour(s, values, excess)
            self._shape(s, values)
        else:
            s["above_slow"] = s["last_level"] = 0.0
        _noise(s, values[Field.LEVEL], excess, silent=known and not speaking, digital=digital)
        if known and not speaking and not digital:
            self._line(s, values[_LEVELS])

    def _shape(self, s: Numbers, values: list[float]) -> None:
        """The long-term spectrum of the voice; how steeply and how deep the level falls."""
        level, last, peak = values[Field.LEVEL], s["last_level"], s["level_peak"]
        if last < 0:
            step = level - last
            s["rise" if step > 0 else "fall"] += abs(step)
        s["last_level"] = level
        if level > peak - sums.LOUD_DB:
            s["since_loud"] = 0.0
        s["deep"] += level < peak - sums.DEEP_DB
        s["shallow"] += level > peak - sums.SHALLOW_DB
        least, most = sums.SHAPE_DB
        relative = [min(max(band - level, least), most) for band in values[_LEVELS]]
        bands = self._bands
        bands["shape"] = [old + new for old, new in zip(bands["shape"], relative, strict=True)]
        bands["shape_square"] = [old + new * new for old, new in zip(bands["shape_square"], relative, strict=True)]

    def _line(self, s: Numbers, levels: list[float]) -> None:
        """Band levels of the line before the first word and in the pause that is on."""
        if s["first_at"] < 0:
            if s["age"] > sums.START_HOPS:
                s["before_n"] += 1
                share = 1 / min(s["before_n"], sums.LINE_HOPS)
                self._near("before", levels, share)
        elif s["pause"] >= sums.QUIET_FROM:
            self._near("quiet", levels, 1.0 if s["pause"] == sums.QUIET_FROM else sums.QUIET)

    def _near(self, name: str, levels: list[float], gain: float) -> None:
        self._bands[name] = [old + gain * (new - old) for old, new in zip(self._bands[name], levels, strict=True)]


def _follow(s: Numbers, odds: float, *, known: bool) -> bool:
    """Smooth the odds and tell whether somebody speaks (with hysteresis)."""
    s["age"] += 1
    if known:
        goal = min(max(odds, -sums.ODDS_LIMIT), sums.ODDS_LIMIT)
        s["odds"] += sums.SMOOTH_ODDS * (goal - s["odds"])
    speaking = s["odds"] > (sums.OFF if s["speaking"] > 0 else sums.ON)
    s["speaking"] = float(speaking)
    return speaking


def _segments(s: Numbers, *, speaking: bool) -> None:
    """Runs of speech and the pauses between them."""
    age, pause = s["age"], s["pause"]
    if not speaking:
        if s["first_at"] >= 0:
            s["pause"] = pause + 1
        return
    fresh = s["first_at"] < 0
    if fresh:
        s["first_at"] = age
    if fresh or pause >= sums.BREAK_HOPS:
        s["segments"] += 1
        s["seg_start"] = age - 1
        if not fresh:
            s["pauses"] += 1
            s["pause_sum"] += pause
            s["pause_square"] += pause * pause
            s["longest_pause"] = max(s["longest_pause"], pause)
            s["last_pause"], s["last_pause_at"] = pause, age
    s["pause"] = 0.0
    length = age - s["seg_start"]
    s["longest"] = max(s["longest"], length)
    if s["segments"] == 1:
        s["first_seg"] = max(s["first_seg"], length)
    s["speech"] += 1


def _colour(s: Numbers, values: list[float], excess: float) -> None:
    """Level, colour, pitch and rhythm of what is spoken."""
    level, high = values[Field.LEVEL], values[Field.HIGH]
    s["level"] += level
    s["level_square"] += level * level
    s["level_peak"] = max(s["level_peak"], level)
    s["high"] += high
    s["high_square"] += high * high
    s["low"] += values[Field.LOW]
    s["voicing"] += values[Field.VOICING]
    s["flat"] += values[Field.FLATNESS]
    s["excess"] += excess
    s["change"] += abs(excess - s["excess_now"])
    _rhythm(s, level)
    gain = 1.0 if s["time"] == 0 else sums.RECENT
    s["time"] += 1
    s["recent_level"] += gain * (level - s["recent_level"])
    s["recent_high"] += gain * (high - s["recent_high"])
    s["recent_voicing"] += gain * (values[Field.VOICING] - s["recent_voicing"])
    opening = s["time"] <= sums.OPENING_HOPS
    if opening:
        s["opening_level"] += level
        s["opening_high"] += high
    if values[Field.VOICING] > sums.VOICED:
        _pitch(s, values[Field.PITCH], opening=opening)


def _rhythm(s: Numbers, level: float) -> None:
    """Syllable onsets: the level rises through its own slow mean."""
    gain = 1.0 if s["time"] == 0 else sums.SLOW
    slow = s["slow_level"] = s["slow_level"] + gain * (level - s["slow_level"])
    above = level > slow + sums.ONSET_DB
    # counted for this hop already: the clock itself is held against the limit
    if above and s["above_slow"] == 0 and s["since_onset"] > sums.REFRACTORY_HOPS:
        s["onsets"] += 1
        s["since_onset"] = 0.0
    s["above_slow"] = float(above)
    s["modulation"] += abs(level - slow)


def _pitch(s: Numbers, pitch_hz: float, *, opening: bool) -> None:
    """Sums of the logarithm of the pitch over voiced hops, and its line over time."""
    pitch = _LOG2_PITCH[round(RATE_HZ / max(pitch_hz, sums.LOWEST_PITCH_HZ))]
    at = s["age"] * 0.01
    gain = 1.0 if s["voiced"] == 0 else sums.RECENT_PITCH
    s["voiced"] += 1
    s["pitch"] += pitch
    s["pitch_square"] += pitch * pitch
    s["pitch_time"] += pitch * at
    s["time_square"] += at * at
    s["time_sum"] += at
    s["recent_pitch"] += gain * (pitch - s["recent_pitch"])
    if opening:
        s["opening_pitch"] += pitch
        s["opening_voiced"] += 1


def _noise(s: Numbers, level: float, excess: float, *, silent: bool, digital: bool) -> None:
    """The line between the words: its level before the first and after it, and how sure the pause is."""
    started = s["first_at"] >= 0
    if silent and digital:
        s["digital_after"] += started
    elif silent:
        level = max(level, sums.LOWEST_DBM0)
        if not started:
            s["noise_before"] += level
            s["noise_before_n"] += 1
        elif s["pause"] >= sums.AFTER_HOPS:
            s["noise_after"] += level
            s["noise_after_n"] += 1
    odds = s["odds"]
    s["pause_odds"] = odds if s["pause"] <= 1 else s["pause_odds"] + sums.PAUSE_ODDS * (odds - s["pause_odds"])
    if silent or not started:
        s["excess_now"] += sums.EXCESS * (excess - s["excess_now"])
    else:
        s["excess_now"] = excess
