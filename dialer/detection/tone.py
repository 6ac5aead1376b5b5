"""Single tones: follows the strongest peak of one channel and gives tone segments.

A run of hops whose energy lies in one narrow peak becomes a `Segment`; short holes (a lost packet) are bridged when the tone
comes back, and both ends are found again in the samples themselves, by the tone's own envelope, so that lengths are true to a
few milliseconds however long the analysis window is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import LONG
from dialer.detection.level import HOP, HOP_S, RATE_HZ, SILENT_DBM0, mean_square

JUMP_HZ: Final = 25.0
"""A larger step between hops is another tone. A falling beep moves by less than 20 Hz a hop."""

_HOLE_HOPS: Final = 6
_DROP_HOPS: Final = 3
_DROP_DB: Final = 10.0
_KEPT: Final = 400
_BOX: Final = 64  # samples of the envelope's box filter: first zero 125 Hz away
_SETTLED_HOPS: Final = 6
_NEAR_FLOOR_DB: Final = 4.0

QUIET_DB: Final = -60.0


@dataclass(slots=True)
class Segment:
    """One tone, from its onset to its end."""

    start_s: float
    end_s: float
    freq_hz: float
    spread_hz: float  # deviation of the frequency about a straight line, both ends left out
    slope_hz_s: float  # of that line
    level_dbm0: float
    level_spread_db: float
    purity: float
    hops: int
    rise_s: float  # from a fifth to four fifths of the envelope
    fall_s: float
    before_db: float  # quietest 10 ms just before and just after, against the tone; QUIET_DB when it is the line's noise
    after_db: float
    open_start: bool = False  # it was sounding when the audio began

    @property
    def length_s(self) -> float:
        """Give the length in seconds."""
        return self.end_s - self.start_s


class ToneTracker:
    """Follows one channel's strongest tone. Fed only while something tonal sounds or a run is open."""

    __slots__ = ("_after_db", "_before", "_before_db", "_drops", "_fall", "_floor", "_rise", "_end", "_freqs", "_holes", "_last", "_levels", "_other", "_purities", "_start", "hops")

    def __init__(self) -> None:
        self.hops = 0  # hops of the open run that are tonal; 0: none open
        self._freqs: list[float] = []
        self._levels: list[float] = []
        self._purities: list[float] = []
        self._start = 0.0
        self._end = 0  # hop after the last tonal one
        self._last = 0.0
        self._holes = 0
        self._drops = 0
        self._other: list[tuple[float, float, float]] = []
        self._before = False
        self._rise = self._fall = 0.1
        self._before_db = self._after_db = 0.0
        self._floor = SILENT_DBM0

    @property
    def alive(self) -> bool:
        """Tell whether a run is open."""
        return self.hops > 0

    @property
    def freq_hz(self) -> float:
        """Give the frequency of the open run."""
        return self._last

    @property
    def steady(self) -> bool:
        """Tell whether a steady tone is sounding now: open for 70 ms, without a hole, not moving in pitch or level."""
        if self.hops < _SETTLED_HOPS + 1 or self._holes:
            return False
        freqs, levels, purities = self._freqs[-5:], self._levels[-5:], self._purities[-5:]
        return max(freqs) - min(freqs) < 5.0 and max(levels) - min(levels) < 1.5 and min(purities) > 0.85

    @property
    def length_hops(self) -> int:
        """Give the hops from the start of the open run to its last tonal hop."""
        return self._end - round(self._start / HOP_S)

    def update(
        self, index: int, tonal: bool, freq: float, level: float, purity: float, quiet: bool, held: bool,
        floor: float, samples: NDArray[np.int16],
    ) -> Segment | None:  # fmt: skip
        """Take one hop.

        Args:
            index: hop number.
            tonal: the window holds one narrow peak.
            freq, level, purity: of that peak; Hz, dBm0, 0..1.
            quiet: the hop's own level fell well below the run's.
            held: the hop is lost, or looks so: it neither continues nor ends anything.
            floor: the line's noise floor, dBm0.
            samples: int16 [1024], up to the end of this hop.

        Returns:
            A segment, when this hop ended one.
        """
        self._floor = floor
        if self.hops == 0:
            if tonal:
                self._open(index, freq, level, purity)
            return None
        if tonal and abs(freq - self._last) < JUMP_HZ:
            self._extend(index, freq, level, purity, samples)
            return None
        if tonal:
            self._other.append((freq, level, purity))
            if len(self._other) >= 2 and abs(self._other[-1][0] - self._other[-2][0]) < JUMP_HZ:
                return self._change(index, samples)
        return self._miss(index, quiet, held, samples)

    def _open(self, index: int, freq: float, level: float, purity: float) -> None:
        self.hops = 1
        self._freqs, self._levels, self._purities = [freq], [level], [purity]
        self._start = max(0.0, (index - 1) * HOP_S)
        self._end, self._last = index + 1, freq
        self._holes = self._drops = 0
        self._other.clear()
        self._before = index < 3

    def _extend(self, index: int, freq: float, level: float, purity: float, samples: NDArray[np.int16]) -> None:
        self.hops += 1
        self._holes = self._drops = 0
        self._other.clear()
        self._last, self._end = freq, index + 1
        if len(self._freqs) < _KEPT:
            self._freqs.append(freq)
            self._levels.append(level)
            self._purities.append(purity)
        if self.hops == _SETTLED_HOPS:
            self._start = self._find_start(index, samples)

    def _miss(self, index: int, quiet: bool, held: bool, samples: NDArray[np.int16]) -> Segment | None:
        self._holes += 1
        self._drops += quiet and not held
        if self._drops >= _DROP_HOPS or self._holes > _HOLE_HOPS:
            return self._close(index, samples)
        return None

    def _change(self, index: int, samples: NDArray[np.int16]) -> Segment | None:
        """Another tone has taken over: end the old run, open the new one."""
        first, second = self._other[-2:]
        segment = self._close(index, samples)
        self._open(index - 1, *first)
        self._extend(index, *second, samples)
        return segment

    def _close(self, index: int, samples: NDArray[np.int16]) -> Segment | None:
        settled = self.hops >= _SETTLED_HOPS
        segment = self._segment(self._find_end(index, samples)) if settled else None
        self.hops = 0
        self._other.clear()
        return segment

    def flush(self, index: int) -> Segment | None:
        """End of audio: give the open run, if it is one."""
        segment = self._segment(min(self._end, index) * HOP_S) if self.hops >= _SETTLED_HOPS else None
        self.hops = 0
        return segment

    def _segment(self, end_s: float) -> Segment:
        trim = 3 if len(self._freqs) > 8 else 1
        freqs = np.array(self._freqs[trim:-trim] or self._freqs)
        levels = np.array(self._levels[trim:-trim] or self._levels)
        slope, spread = _straighten(freqs)
        return Segment(
            start_s=self._start, end_s=max(end_s, self._start), freq_hz=float(np.median(freqs)), spread_hz=spread,
            slope_hz_s=slope / HOP_S, level_dbm0=float(np.median(levels)), level_spread_db=float(levels.std()),
            purity=float(np.median(self._purities)), hops=self.hops, rise_s=self._rise, fall_s=self._fall,
            before_db=self._before_db, after_db=self._after_db, open_start=self._before,
        )  # fmt: skip

    def _find_start(self, index: int, samples: NDArray[np.int16]) -> float:
        """Find where the envelope rose to half, within the last 128 ms, how fast, and out of what."""
        envelope = _envelope(samples, self._freqs[0])
        steady = float(np.median(envelope[-(_SETTLED_HOPS - 2) * HOP :]))
        below = np.flatnonzero(envelope < 0.5 * steady)
        at = int(below[-1]) + 1 if len(below) else 0
        low, high = np.flatnonzero(envelope[:at] < 0.2 * steady), np.flatnonzero(envelope[at:] > 0.8 * steady)
        self._rise = (at - (int(low[-1]) if len(low) else 0) + (int(high[0]) if len(high) else HOP)) / RATE_HZ
        self._before_db = _quietest(samples[max(0, at + _BOX // 2 - 6 * HOP) : at + _BOX // 2 - HOP // 2], steady, self._floor)
        return max(0, (index + 1) * HOP - LONG + _BOX // 2 + at) / RATE_HZ

    def _find_end(self, index: int, samples: NDArray[np.int16]) -> float:
        """Find where the envelope fell to half after it had last stood, within the last 128 ms, how fast, and to what."""
        envelope = _envelope(samples, self._last)
        origin = (index + 1) * HOP - LONG + _BOX // 2
        last = self._end * HOP - WINDOW_LAG - origin
        self._fall, self._after_db = 0.1, 0.0
        if last <= 0 or last >= len(envelope):
            return self._end * HOP_S - WINDOW_LAG / RATE_HZ
        steady = float(np.median(envelope[max(0, last - 3 * HOP) : last]))
        first = max(0, last - HOP)
        after = np.flatnonzero(envelope[first:] < 0.5 * steady)
        at = first + (int(after[0]) if len(after) else HOP)
        high, low = np.flatnonzero(envelope[:at] > 0.8 * steady), np.flatnonzero(envelope[at:] < 0.2 * steady)
        self._fall = ((int(low[0]) if len(low) else HOP) + at - (int(high[-1]) if len(high) else 0)) / RATE_HZ
        self._after_db = _quietest(samples[at + _BOX // 2 + HOP // 2 :], steady, self._floor)
        return (origin + at) / RATE_HZ


WINDOW_LAG: Final = 128
"""Samples from the middle of the 32 ms window to its end."""


def _envelope(samples: NDArray[np.int16], freq_hz: float) -> NDArray[np.float64]:
    """Give the envelope of one tone, float64 [1024 - 63], each value centred 32 samples after its index."""
    turn = np.exp(-2j * np.pi * freq_hz / RATE_HZ * np.arange(len(samples)))
    total = np.concatenate(([0], np.cumsum(samples * turn)))
    return np.abs(total[_BOX:] - total[:-_BOX])


def _quietest(samples: NDArray[np.int16], envelope: float, floor_dbm0: float) -> float:
    """Give the power of the quietest whole 10 ms against that of a tone with this envelope, in dB; 0 when too short."""
    whole = len(samples) // HOP
    if whole == 0 or envelope <= 0.0:
        return 0.0
    blocks = samples[len(samples) - whole * HOP :].astype(np.float64).reshape(whole, HOP)
    least = float(((blocks - blocks.mean()) ** 2).mean(axis=1).min())
    if least < mean_square(floor_dbm0 + _NEAR_FLOOR_DB):
        return QUIET_DB
    return float(10 * np.log10(least / (2 * (envelope / _BOX) ** 2)))


def _straighten(values: NDArray[np.float64]) -> tuple[float, float]:
    """Fit a line: slope per hop, and the standard deviation about it."""
    n = len(values)
    if n < 3:
        return 0.0, float(values.std())
    x = np.arange(n) - (n - 1) / 2
    slope = float((x * values).sum() / (x * x).sum())
    return slope, float((values - values.mean() - slope * x).std())
