"""Single tones: follows the strongest peak of one channel and gives tone segments.

A run of hops whose energy lies in one narrow peak becomes a `Segment`; short holes (a lost packet) are bridged when
the tone comes back, and both ends are found again in the samples themselves, by the tone's own envelope, so that
lengths are true to a few milliseconds however long the analysis window is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import LONG, Field, Hop
from dialer.detection.level import HOP, HOP_S, RATE_HZ, SILENT_DBM0, mean_square
from dialer.detection.robust import median, straight

JUMP_HZ: Final = 25.0
"""A larger step between hops is another tone. A falling beep moves by less than 20 Hz a hop."""

_NEAR_HZ: Final = 60.0  # how far a jump in phase may seem to move a tone
_NEAR_PURITY: Final = 0.35
_PARDONS: Final = 8
_QUIET_DB: Final = 8.0
_LEAST_QUIET_DB: Final = 4.0
_HOLE_HOPS: Final = 6
_TOP_FALL_DB: Final = 1.0  # a hop: as fast as a struck bell
_OTHER_HOPS: Final = 3  # in agreement, that are another tone and not a jump in phase
_DROP_HOPS: Final = 3
_KEPT: Final = 300
_CALM_HOPS: Final = 4
_CALM_HZ: Final = 2.5
_CALM_DB: Final = 0.7
_CALM_PURITY: Final = 0.85
_BOX: Final = 64  # samples of the envelope's box filter: first zero 125 Hz away
_DIP: Final = 76
_CLOCK: Final = -2j * np.pi / RATE_HZ * np.arange(LONG)
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
    level_spread_db: float  # about a straight line: a struck bell decays
    purity: float
    hops: int
    rise_s: float  # from a fifth to four fifths of the envelope
    fall_s: float
    before_db: (
        float  # quietest 10 ms just before and just after, against the tone; QUIET_DB when it is the line's noise
    )
    after_db: float
    below_db: float  # how far it lies under the talker's peaks, when it began
    open_start: bool = False  # it was sounding when the audio began

    @property
    def length_s(self) -> float:
        """Give the length in seconds."""
        return self.end_s - self.start_s


class ToneTracker:
    """Follows one channel's strongest tone. Fed only while something tonal sounds or a run is open."""

    __slots__ = (
        "_after_db", "_before", "_before_db", "_calm", "_drops", "_end", "_fall", "_fall_db",
        "_floor", "_freqs", "_holes", "_levels", "_mean", "_other", "_pardons", "_peak", "_purities",
        "_rise", "_start", "_top", "freq_hz", "hops",
    )  # fmt: skip

    def __init__(self) -> None:
        self.hops = 0  # hops of the open run that are tonal; 0: none open
        self.freq_hz = 0.0  # of its last tonal hop
        self._mean = 0.0  # of its last hops
        self._top = 0.0  # dBm0, highest level of late
        self._freqs: list[float] = []
        self._levels: list[float] = []
        self._purities: list[float] = []
        self._start = 0.0
        self._end = 0  # hop after the last tonal one
        self._holes = 0
        self._drops = 0
        self._pardons = 0  # hops forgiven since the last tonal one
        self._calm = 0  # hops in a row without a move in pitch or level
        self._other: list[tuple[float, float, float]] = []
        self._before = False
        self._rise = self._fall = 0.1
        self._before_db = self._after_db = 0.0
        self._floor = self._peak = SILENT_DBM0
        self._fall_db = _QUIET_DB  # a drop in level that ends the run

    @property
    def alive(self) -> bool:
        """Tell whether a run is open."""
        return self.hops > 0

    @property
    def steady(self) -> bool:
        """Tell whether a steady tone is sounding now: open for 70 ms, without a hole, not moving in pitch or level."""
        return self._calm >= _CALM_HOPS and self.hops > _SETTLED_HOPS

    @property
    def length_hops(self) -> int:
        """Give the hops from the start of the open run to its last tonal hop."""
        return self._end - round(self._start / HOP_S)

    def update(
        self, index: int, tonal: bool, freq: float, level: float, purity: float, hop_level: float, held: bool, hop: Hop,
        column: int,
    ) -> Segment | None:  # fmt: skip
        """Take one hop.

        Args:
            index: hop number.
            tonal: the window holds one narrow peak.
            freq: of that peak, Hz.
            level: of the window, dBm0.
            purity: share of the peak in the window, the line's noise left out, 0..1.
            hop_level: of the hop's own 10 ms, dBm0.
            held: the hop is lost, or looks so: it neither continues nor ends anything.
            hop: the hop, for its samples and its noise floor.
            column: this channel's column in it.

        Returns:
            A segment, when this hop ended one.
        """
        if self.hops == 0:
            if tonal:
                self._open(index, freq, level, purity)
            return None
        off = min(abs(freq - self.freq_hz), abs(freq - self._mean))
        if tonal and off < JUMP_HZ:
            self._extend(index, freq, level, purity, hop, column)
            return None
        self._calm = 0
        if tonal and off > _NEAR_HZ:
            self._other.append((freq, level, purity))
            if (
                len(self._other) >= _OTHER_HOPS
                and max(o[0] for o in self._other[-3:]) - min(o[0] for o in self._other[-3:]) < JUMP_HZ
            ):
                return self._change(index, hop, column)
        return self._miss(index, held, hop_level, off < _NEAR_HZ and purity > _NEAR_PURITY, hop, column)

    def _miss(self, index: int, held: bool, hop_level: float, near: bool, hop: Hop, column: int) -> Segment | None:
        """The tone is not there. A repeated packet leaves it near for a while, a lost one away.

        A drop in level ends it.
        """
        quiet = hop_level < self._top - self._fall_db and not held
        self._drops = self._drops + 1 if quiet else 0
        if self._drops >= _DROP_HOPS:
            return self._close(index, hop, column)
        if (near or held) and not quiet and self._pardons < _PARDONS:
            self._pardons += 1
            return None
        self._holes += 1
        return self._close(index, hop, column) if self._holes > _HOLE_HOPS else None

    def _open(self, index: int, freq: float, level: float, purity: float) -> None:
        self.hops = 1
        self._freqs, self._levels, self._purities = [freq], [level], [purity]
        self._start = max(0.0, (index - 1) * HOP_S)
        self._end, self.freq_hz, self._mean, self._top = index + 1, freq, freq, level
        self._holes = self._drops = self._pardons = self._calm = 0
        self._other.clear()
        self._before = index < 3

    def _extend(self, index: int, freq: float, level: float, purity: float, hop: Hop, column: int) -> None:
        hops = self.hops = self.hops + 1
        moved = abs(freq - self.freq_hz) > _CALM_HZ or abs(level - self._levels[-1]) > _CALM_DB or purity < _CALM_PURITY
        self._calm = 0 if moved else self._calm + 1
        self._end, self.freq_hz = index + 1, freq
        self._mean += 0.2 * (freq - self._mean)
        self._top = max(level, self._top - _TOP_FALL_DB)
        if self._holes:
            self._holes = 0
        if self._other:
            self._other.clear()
        self._drops = self._pardons = 0
        if hops <= _KEPT:
            self._freqs.append(freq)
            self._levels.append(level)
            self._purities.append(purity)
        else:
            self._levels[-1] = level
        if hops == _SETTLED_HOPS:
            self._floor, self._peak = float(hop[Field.FLOOR][column]), float(hop[Field.PEAK][column])
            self._fall_db = min(_QUIET_DB, max(_LEAST_QUIET_DB, 0.6 * (level - self._floor)))
            self._start = self._find_start(index, _samples(hop, column))

    def _change(self, index: int, hop: Hop, column: int) -> Segment | None:
        """Another tone has taken over: end the old run, open the new one."""
        heard = self._other[-_OTHER_HOPS:]
        segment = self._close(index, hop, column)
        self._open(index - len(heard) + 1, *heard[0])
        for back, values in enumerate(heard[1:], 2 - len(heard)):
            self._extend(index + back, *values, hop, column)
        return segment

    def _close(self, index: int, hop: Hop, column: int) -> Segment | None:
        segment = None
        if self.hops >= _SETTLED_HOPS:
            self._floor = float(hop[Field.FLOOR][column])
            segment = self._segment(self._find_end(index, _samples(hop, column)))
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
        freqs, levels = self._freqs[trim:-trim] or self._freqs, self._levels[trim:-trim] or self._levels
        slope, spread = straight(freqs)
        return Segment(
            start_s=self._start, end_s=max(end_s, self._start), freq_hz=median(freqs), spread_hz=spread,
            slope_hz_s=slope / HOP_S, level_dbm0=median(levels), level_spread_db=straight(levels)[1],
            purity=median(self._purities), hops=self.hops, rise_s=self._rise, fall_s=self._fall,
            before_db=self._before_db, after_db=self._after_db,
            below_db=self._peak - median(levels), open_start=self._before,
        )  # fmt: skip

    def _find_start(self, index: int, samples: NDArray[np.int16]) -> float:
        """Find where the envelope rose to half, within the last 128 ms, how fast, and out of what."""
        envelope = _envelope(samples, self._freqs[0])
        steady = float(np.median(envelope[-(_SETTLED_HOPS - 2) * HOP :]))
        at = _last_rise(envelope < 0.5 * steady)
        low, high = np.flatnonzero(envelope[:at] < 0.2 * steady), np.flatnonzero(envelope[at:] > 0.8 * steady)
        self._rise = (at - (int(low[-1]) if len(low) else 0) + (int(high[0]) if len(high) else HOP)) / RATE_HZ
        self._before_db = _quietest(
            samples[max(0, at + _BOX // 2 - 6 * HOP) : at + _BOX // 2 - HOP // 2], steady, self._floor
        )
        return max(0, (index + 1) * HOP - LONG + _BOX // 2 + at) / RATE_HZ

    def _find_end(self, index: int, samples: NDArray[np.int16]) -> float:
        """Find where the envelope fell to half after it had last stood, within the last 128 ms, how fast.

        And to what.
        """
        envelope = _envelope(samples, self.freq_hz)
        origin = (index + 1) * HOP - LONG + _BOX // 2
        last = self._end * HOP - WINDOW_LAG - origin
        self._fall, self._after_db = 0.1, 0.0
        if last <= 0 or last >= len(envelope):
            return self._end * HOP_S - WINDOW_LAG / RATE_HZ
        steady = float(np.median(envelope[max(0, last - 3 * HOP) : last]))
        first = max(0, last - HOP)
        at = first + _first_fall(envelope[first:] < 0.5 * steady)
        high, low = np.flatnonzero(envelope[:at] > 0.8 * steady), np.flatnonzero(envelope[at:] < 0.2 * steady)
        self._fall = ((int(low[0]) if len(low) else HOP) + at - (int(high[-1]) if len(high) else 0)) / RATE_HZ
        self._after_db = _quietest(samples[at + _BOX // 2 + HOP // 2 :], steady, self._floor)
        return (origin + at) / RATE_HZ


WINDOW_LAG: Final = 128
"""Samples from the middle of the 32 ms window to its end."""


def _envelope(samples: NDArray[np.int16], freq_hz: float) -> NDArray[np.float64]:
    """Give the envelope of one tone, float64 [1024 - 63], each value centred 32 samples after its index."""
    turn = np.exp(_CLOCK[: len(samples)] * freq_hz)
    total = np.cumsum(samples * turn)
    envelope = np.empty(len(samples) - _BOX + 1)
    envelope[0] = abs(total[_BOX - 1])
    np.abs(total[_BOX:] - total[:-_BOX], out=envelope[1:])
    return envelope


def _runs(below: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give where runs of true begin and end."""
    turns = np.flatnonzero(np.diff(below.astype(np.int8), prepend=0, append=0))
    return turns[::2], turns[1::2]


def _last_rise(below: NDArray[np.bool_]) -> int:
    """Give where the envelope last rose, jumps in phase, which make it dip for less than the box, left out."""
    begins, ends = _runs(below)
    true = np.flatnonzero((ends - begins > _DIP) | (begins == 0))
    return int(ends[true[-1]]) if len(true) else 0


def _first_fall(below: NDArray[np.bool_]) -> int:
    """Give where the envelope first fell, jumps in phase left out."""
    begins, ends = _runs(below)
    true = np.flatnonzero((ends - begins > _DIP) | (ends == len(below)))
    return int(begins[true[0]]) if len(true) else HOP


def _samples(hop: Hop, column: int) -> NDArray[np.int16]:
    row: NDArray[np.int16] = hop.recent(np.array([column]))[0]
    return row


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
