"""Cadences: bursts of call progress tone of one channel, and which country's tone they are.

A burst is known by its energy in 290-690 Hz, not by one peak, so that two tones 25 Hz apart, which beat, still make
one burst. Its frequencies come from 128 ms windows. Pauses of speech never count: every burst must be a steady tone
of the plan.
"""

from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from dialer.detection.level import HOP_S, RATE_HZ
from dialer.detection.plan import Pattern, PatternSet, Step, Window
from dialer.detection.robust import median, spread

_CENTRE_S: Final = 0.016  # from the middle of the 32 ms window to its end
_EDGE_S: Final = 0.005  # half a hop: what counting whole hops takes from each end
_GAP_HOPS: Final = 3
_HELD_HOPS: Final = 6
_FALL_DB: Final = 11.0
_RISE_DB: Final = 8.0
_TOP_FALL_DB: Final = 0.1
_MEASURES: Final = 30
_UNMOVED_HZ: Final = 1.5
_WEAKER_DB: Final = 8.0
_FORGET_S: Final = 8.0
_MOST_BURSTS: Final = 10
_KEPT: Final = 320
MEASURE_HOPS: Final = 14  # a burst this old fills the long window
_MEASURE_EVERY: Final = 4
_LOST_S: Final = 0.13  # a shorter hole in a tone without pause is lost packets
_LONG_ON_S: Final = 1.6  # longer than any ringing but America's
_NO_SIDES_COST: Final = 0.1  # a modulated tone without its side lines
_ALIKE_COST: Final = 0.03  # of patterns that fit about as well, the shorter has shown more of itself
_UNRESOLVED_COST: Final = 0.1  # at most, of a burst too short for the long window
_RING_SILENCE_S: Final = 1.1  # longer than any pause of another cadence
_RING_SPREAD_HZ: Final = 3.0
_SIDE_HZ: Final = 45.0
_ALTERNATION_GAIN: Final = 0.12  # two pitches in turns, each step of the right height, are no chance
_DIAL_COST: Final = 0.1  # who has dialled hears no dial tone: where both fit, it is the other
_BEATING_DB: Final = 7.5  # India's and Japan's modulated ringing; harmonics of a voice lie further apart
_APART_HZ: Final = 2.0
_PARTIAL_COST: Final = 0.04
STEADY_S: Final = 2.3  # longer than any burst of a cadence but Australia's and India's 2.5 s

_LONG_FFT: Final = 2048
_LONG_BIN_HZ: Final = RATE_HZ / _LONG_FFT
_LONG_HANN: Final = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(1024) + 0.5) / 1024)).astype(np.float32)
_FIRST_BIN: Final = 74  # 289 Hz
_LAST_BIN: Final = 180  # 703 Hz
_LONG_REJECT: Final = np.arange(-4, 5)
_SECOND_DB: Final = 12.0


def resolve(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Separate the tones of call progress: int16 [k, 1024] -> [k, 6].

    Three frequencies, their levels in dB against the first.

    Strongest first; a tone 25 Hz away from another is told apart.
    """
    bins = scipy.fft.rfft(samples * _LONG_HANN, _LONG_FFT, axis=1)[:, _FIRST_BIN - 1 : _LAST_BIN + 1]
    power = bins.real**2 + bins.imag**2 + np.float32(1e-3)
    logs = np.log(np.ascontiguousarray(power))
    found = np.empty((len(samples), 6))
    rest = logs[:, 1:-1].copy()
    peak = (logs[:, 1:-1] >= logs[:, :-2]) & (logs[:, 1:-1] >= logs[:, 2:])
    rest[~peak] = -99.0
    rows = np.arange(len(samples))
    for n in range(3):
        at = rest.argmax(axis=1)
        left, mid, right = logs[rows, at], logs[rows, at + 1], logs[rows, at + 2]
        bend = left - 2 * mid + right
        shift = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-6), 0.0)
        found[:, n] = (at + _FIRST_BIN + np.clip(shift, -1, 1)) * _LONG_BIN_HZ
        found[:, 3 + n] = rest[rows, at] * (10 / np.log(10))
        np.put_along_axis(rest, np.clip(at[:, None] + _LONG_REJECT, 0, rest.shape[1] - 1), np.float32(-99), axis=1)
    found[:, 3:] -= found[:, 3:4].copy()
    return found


@dataclass(slots=True)
class Burst:
    """One stretch of call progress tone."""

    start_s: float
    end_s: float
    freqs_hz: tuple[float, ...]
    resolved: bool  # the frequencies come from the long window
    level_dbm0: float
    level_spread_db: float
    spread_hz: float
    open_start: bool
    open_end: bool = False
    fits: dict[int, bool] = field(default_factory=dict)  # whether it fits the frequencies of that identity

    @property
    def length_s(self) -> float:
        """Give the length in seconds."""
        return self.end_s - self.start_s


class BurstTracker:
    """Follows one channel's call progress band and gives bursts."""

    __slots__ = ("_bands", "_freqs", "_gap", "_held", "_measures", "_start", "_top", "hops")

    def __init__(self) -> None:
        self.hops = 0  # hops since the open burst began; 0: none
        self._start = 0
        self._top = 0.0  # dBm0, highest level of late
        self._bands: list[float] = []
        self._freqs: list[float] = []
        self._measures: list[tuple[float, ...]] = []
        self._gap = 0
        self._held = 0

    @property
    def alive(self) -> bool:
        """Tell whether a burst is open."""
        return self.hops > 0

    @property
    def wants_measure(self) -> bool:
        """Tell whether the long window should be looked at on this hop."""
        due = self.hops >= MEASURE_HOPS and (self.hops - MEASURE_HOPS) % _MEASURE_EVERY == 0
        return due and self._gap == 0 and len(self._measures) < _MEASURES

    @property
    def measures(self) -> int:
        """Give how often the long window has looked at the open burst."""
        return len(self._measures) if self.hops else 0

    def measure(self, found: list[float]) -> None:
        """Take one look of the long window, see `resolve`."""
        self._measures.append(tuple(found))

    def update(self, index: int, on: bool, band: float, freq: float, held: bool) -> Burst | None:
        """Take one hop: whether call progress tone sounds, level and peak of the window; give the burst it ended."""
        if self.hops == 0:
            if on:
                self._open(index, band, freq)
            return None
        top = self._top
        if on and band > top - _FALL_DB:
            if band > top + _RISE_DB and len(self._bands) > 3:
                burst = self.close()
                self._open(index, band, freq)
                return burst
            self.hops += 1
            self._top = band if band > top else top - _TOP_FALL_DB
            if self._gap:
                self._fill(band)
            if len(self._bands) < _KEPT:
                self._bands.append(band)
                self._freqs.append(freq)
            return None
        self.hops += 1
        self._gap += 1
        if held and self._held < _HELD_HOPS:
            self._held += 1
        elif self._gap - self._held >= _GAP_HOPS:
            return self.close()
        return None

    def _open(self, index: int, band: float, freq: float) -> None:
        self.hops, self._start, self._gap, self._held, self._top = 1, index, 0, 0, band
        self._bands, self._freqs, self._measures = [band], [freq], []

    def _fill(self, band: float) -> None:
        """Bridge a hole in a burst that went on."""
        if len(self._bands) < _KEPT:
            self._bands += [min(self._bands[-1], band)] * self._gap
            self._freqs += [self._freqs[-1]] * self._gap
        self._gap = self._held = 0

    def close(self) -> Burst | None:
        """End the open burst and give it, when it is long enough to be one."""
        last = self._start + self.hops - self._gap  # hop after the last that was on
        start = self._start
        self.hops = 0
        if len(self._bands) < 4:
            return None
        return self._burst(start, last)

    def snapshot(self) -> Burst | None:
        """Give the open burst as it stands."""
        if len(self._bands) < 4:
            return None
        burst = self._burst(self._start, self._start + self.hops - self._gap)
        burst.open_end = True
        return burst

    def _burst(self, start: int, last: int) -> Burst:
        bands = self._bands
        level = median(bands[2:-2] if len(bands) > 8 else bands)
        loud = [i for i, band in enumerate(bands) if band >= level - 6.0]
        begin = (start + 1 + loud[0]) * HOP_S - _CENTRE_S - _EDGE_S
        tail = len(bands) - 1 - loud[-1] if len(bands) < _KEPT else 0
        inner = slice(loud[0] + 2, loud[-1] - 1)
        freqs = self._freqs[inner] or self._freqs
        tones, resolved = self._tones(freqs)
        return Burst(
            start_s=max(0.0, begin), end_s=(last - tail) * HOP_S - _CENTRE_S + _EDGE_S, freqs_hz=tones,
            resolved=resolved, level_dbm0=level, level_spread_db=spread(bands[inner]), spread_hz=spread(freqs),
            open_start=start < 4,
        )  # fmt: skip

    def _tones(self, freqs: list[float]) -> tuple[tuple[float, ...], bool]:
        """Give the frequencies of the burst, lowest first, and whether the long window saw them."""
        looks = self._measures
        if not looks:
            return (median(freqs),), False
        count = (
            1
            + (median([look[4] for look in looks]) > -_SECOND_DB)
            + (median([look[5] for look in looks]) > -_SECOND_DB)
        )
        ordered = [sorted(look[:count]) for look in looks]
        return tuple(median([look[n] for look in ordered]) for n in range(count)), True


@dataclass(slots=True)
class Match:
    """A pattern that the bursts fit."""

    pattern: Pattern
    cost: float
    cycles: float
    complete: bool


class CadenceListener:
    """Holds one channel's last bursts against the patterns of its plan.

    Args:
        patterns: what to listen for, see `Atlas.patterns`.
    """

    __slots__ = ("_candidates", "_patterns", "bursts")

    def __init__(self, patterns: PatternSet) -> None:
        self._patterns = patterns
        self._candidates: tuple[Pattern, ...] | None = None  # those not excluded since the first burst held
        self.bursts: list[Burst] = []

    @property
    def hopeful(self) -> bool:
        """Tell whether time or further bursts may complete a pattern."""
        return bool(self.bursts) and self._candidates != ()

    def only(self, meanings: set[str]) -> bool:
        """Tell whether nothing but these meanings is left to be found."""
        return self._candidates is not None and all(pattern.verdict in meanings for pattern in self._candidates)

    def take(self, burst: Burst) -> None:
        """Keep a burst; noise between bursts is passed over, but sound as loud as they, or another tone.

        Starts anew.
        """
        if not _is_tone(burst):
            if self.bursts and burst.level_dbm0 > self.bursts[-1].level_dbm0 - _WEAKER_DB:
                self._begin()
            return
        if self.bursts and (self._candidates == () or not _alike(self.bursts[-1], burst)):
            self._begin()
        self.bursts.append(burst)
        if len(self.bursts) > _MOST_BURSTS:
            del self.bursts[0]
            self._candidates = None

    def _begin(self) -> None:
        self.bursts.clear()
        self._candidates = None

    def knows(self, burst: Burst) -> bool:
        """Tell whether a burst is a tone of some pattern, as far as its frequencies and steadiness go."""
        return _is_tone(burst) and any(_fits_tone(windows, burst) for windows in self._patterns.by_tuning)

    def matches(self, now_s: float, sounding: Burst | None) -> list[Match]:
        """Give the patterns the bursts fit, best first.

        Patterns that may still turn out to fit have `complete` false.
        """
        if not self.bursts and (sounding is None or not self.knows(sounding)):
            return []
        if sounding is not None and self.bursts and not _alike(self.bursts[-1], sounding):
            return []
        if self.bursts and now_s - self.bursts[-1].end_s > _FORGET_S and sounding is None:
            self._begin()
            return []
        known = self._candidates
        if known is None:
            last = sounding or self.bursts[-1]
            groups = (group for tuning, group in self._patterns.by_tuning.items() if _fits_tone(tuning, last))
            known = tuple(dict.fromkeys(chain.from_iterable(groups)))
        found = [match for pattern in known if (match := self._fit(pattern, now_s, sounding))]
        if self.bursts:
            self._candidates = tuple(match.pattern for match in found)
        return sorted(found, key=lambda m: (m.cost // _ALIKE_COST, len(m.pattern.steps), m.cost))

    def _fit(self, pattern: Pattern, now_s: float, sounding: Burst | None) -> Match | None:
        bursts = [*self.bursts, sounding] if sounding else self.bursts
        if not any(_fits_tone(step.freqs_hz, bursts[-1]) for step in pattern.steps):
            return None
        if pattern.steady:
            return _fit_steady(pattern, bursts)
        fits = [match for first in range(len(pattern.steps)) if (match := _fit_from(pattern, first, bursts, now_s))]
        return min(fits, key=lambda m: (not m.complete, m.cost)) if fits else None


def _is_tone(burst: Burst) -> bool:
    """Tell a burst of tone from a syllable: level steady, frequency too unless two tones beat."""
    if burst.length_s < 0.03:
        return False
    if burst.length_s >= 0.12 and burst.spread_hz < _UNMOVED_HZ:  # level may swing with modulation, pitch may not
        return burst.level_spread_db < 8.0
    if len(burst.freqs_hz) > 1:
        return burst.level_spread_db < (_BEATING_DB if _beats(burst) else 5.0)
    return burst.level_spread_db < 2.0 and burst.spread_hz < 6.0


def _beats(burst: Burst) -> bool:
    """Tell whether the tones lie so near each other that their sum swells and fades within a 32 ms window."""
    low, high = min(burst.freqs_hz), max(burst.freqs_hz)
    return burst.resolved and high - low < _SIDE_HZ * (len(burst.freqs_hz) - 1)


def _alike(first: Burst, second: Burst) -> bool:
    if first.resolved != second.resolved:
        return min(abs(a - b) for a in first.freqs_hz for b in second.freqs_hz) < 40.0
    if len(first.freqs_hz) != len(second.freqs_hz):
        return False
    return all(abs(a - b) < 12.0 for a, b in zip(first.freqs_hz, second.freqs_hz, strict=True))


def _fits_tone(windows: tuple[Window, ...], burst: Burst) -> bool:
    """Tell whether the burst's frequencies are those of a step, all of them when the long window saw them."""
    known = burst.fits.get(id(windows))
    if known is None:
        known = burst.fits[id(windows)] = _compare_tone(windows, burst)
    return known


def _compare_tone(windows: tuple[Window, ...], burst: Burst) -> bool:
    freqs = burst.freqs_hz
    if not burst.resolved:
        return windows[0].low - 15 <= freqs[0] <= windows[-1].high + 15
    if len(windows) == 3:  # a modulated tone: its carrier, or only side lines, and nothing far from them
        low, middle, high = windows
        carried = any(f in middle for f in freqs) or all(f in low or f in high for f in freqs)
        return carried and all(abs(f - middle.nominal) < _SIDE_HZ for f in freqs)
    return len(freqs) == len(windows) and all(f in w for f, w in zip(freqs, windows, strict=True))


def _freq_cost(windows: tuple[Window, ...], burst: Burst) -> float:
    """Give how far the burst's frequencies lie from the nominal ones: 0.4 for one per cent."""
    if not burst.resolved or len(windows) != len(burst.freqs_hz):
        nearest = min(abs(f / w.nominal - 1) for f in burst.freqs_hz for w in windows)
        missing = burst.resolved and len(burst.freqs_hz) == 1 and len(windows) == 3
        return min(nearest * 40, _UNRESOLVED_COST) + (_NO_SIDES_COST if missing else 0.0)
    return 40 * max(abs(f / w.nominal - 1) for f, w in zip(burst.freqs_hz, windows, strict=True))


def _fit_steady(pattern: Pattern, bursts: list[Burst]) -> Match | None:
    last = bursts[-1]
    if not last.open_end:
        return Match(pattern, 1.0, 0.0, complete=False)  # it may go on after lost packets
    start = last.start_s
    for burst in reversed(bursts[:-1]):
        start = burst.start_s if start - burst.end_s < _LOST_S else start
    cost = _freq_cost(pattern.steps[0].freqs_hz, last) + (_DIAL_COST if pattern.verdict == "dial" else 0.0)
    return Match(pattern, cost, 1.0, last.end_s - start >= STEADY_S + 0.5)


def _fit_from(pattern: Pattern, first: int, bursts: list[Burst], now_s: float) -> Match | None:
    """Lay the pattern on the bursts, the oldest burst on step `first`."""
    costs: list[float] = []
    tuning = 0.0
    whole = cut = 0
    steps = pattern.steps
    for n, burst in enumerate(bursts):
        step = steps[(first + n) % len(steps)]
        part = (n == 0 and burst.length_s < step.on_s.low) or burst.open_end  # the line may open inside the cadence
        if not _fits_tone(step.freqs_hz, burst) or not _take(step.on_s, burst.length_s, part, costs):
            return None
        if n and not _steps_apart(steps[(first + n - 1) % len(steps)], step, bursts[n - 1], burst):
            return None
        tuning += _freq_cost(step.freqs_hz, burst)
        cut += part and not burst.open_end
        whole += not part
        ended = n + 1 < len(bursts)
        off = (bursts[n + 1].start_s if ended else now_s) - burst.end_s
        if burst.open_end or step.off_s is None:
            continue
        if not _take(step.off_s, off, not ended, costs):
            return None
        whole += ended
    silent = 0.0 if bursts[-1].open_end else now_s - bursts[-1].end_s
    cost = sum(costs) / max(1, len(costs)) + tuning / len(bursts) + cut * _PARTIAL_COST
    if len(bursts) > 1 and len({id(step.freqs_hz) for step in steps}) > 1:
        cost -= _ALTERNATION_GAIN
    return Match(pattern, cost, whole / (2 * len(steps)), _complete(pattern, bursts, whole, silent))


def _steps_apart(before: Step, after: Step, first: Burst, second: Burst) -> bool:
    """Tell whether two bursts differ in pitch as their steps do, where they do at all."""
    if before.freqs_hz is after.freqs_hz or not (first.resolved and second.resolved):
        return True
    nominal = after.freqs_hz[0].nominal - before.freqs_hz[0].nominal
    return abs(second.freqs_hz[0] - first.freqs_hz[0] - nominal) < max(_APART_HZ, abs(nominal) / 2)


def _take(window: Window, length: float, partial: bool, costs: list[float]) -> bool:
    """Hold one interval against its window; one cut short must only not be too long."""
    if length > window.high or (not partial and length < window.low):
        return False
    if not partial and window.nominal:
        costs.append(abs(length - window.nominal) / window.nominal)
    return True


def _complete(pattern: Pattern, bursts: list[Burst], whole: int, silent_s: float) -> bool:
    """Tell whether enough was heard: three whole intervals of a short cadence.

    Of ringing a burst and its long silence.
    """
    if pattern.verdict == "ringback":
        ring = bursts[-1]
        sure = ring.resolved and (len(ring.freqs_hz) > 1 or ring.spread_hz < _RING_SPREAD_HZ)
        most = 2 * len(pattern.steps)
        return sure and (whole >= most or (silent_s >= _RING_SILENCE_S and whole >= most - 1))
    if pattern.period_s > 2.0 and len(pattern.steps) == 1:
        return whole >= 2 or (whole == 1 and max(burst.length_s for burst in bursts) > _LONG_ON_S)
    return whole >= max(3, 2 * len(pattern.steps))
