"""Where a voice is: per hop the log odds that speech sounds, by band levels over their own noise floors.

A small network (ReLU, two layers of weights) looks at eight bands of 406 Hz, each against the minimum of its own
smoothed level over 1.5 s, at the talker's peak and at voicing. So street noise, babble, surf and a change of level
are told from a voice where a single level gate would not. Lost, digital and tonal hops are time without evidence.

State is one float64 matrix [rows, channels]; every operation is element-wise in a fixed order, so a channel's result
does not depend on its neighbours. `LoneVoice` is the same arithmetic in plain numbers for a channel heard alone, whose
time would else go into calling numpy on arrays of one; its results are the same to the bit.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Field, Hop
from dialer.detection.spectrum import BANDS

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Bool = NDArray[np.bool_]
_Number = TypeVar("_Number", bound="np.floating[Any]")

_PARTS: Final = 6
_PART_HOPS: Final = 25  # minimum over 6 x 0.25 s
_LOWEST_DBM0: Final = -74.0
_FLOOR_PRIOR_DBM0: Final = -48.0  # no band's floor is believed higher before 0.3 s were heard
_PRIOR_HOPS: Final = 30
_BIAS_DB: Final = 2.0
_MOST_DB: Final = 40.0
_FOLLOW: Final = 0.3
_FAST_GAIN: Final = 0.5
_SLOW_GAIN: Final = 0.05
_PEAK_FALL_DB: Final = 0.05  # a hop: 5 dB a second
_PEAK_START_DBM0: Final = -96.0
_WHOLE_HOPS: Final = 4
"""Hops since the line's first or last digital silence until a window holds sound alone: no floor is learned before."""
_SILENT_ODDS: Final = -8.0  # of digital silence
_LEVELS: Final = slice(Field.BAND0, Field.BAND0 + BANDS)

# rows of the state
_SMOOTH: Final = slice(0, BANDS)  # band levels, smoothed over 3 hops, for the floor
_MINIMUM: Final = slice(BANDS, 2 * BANDS)  # minimum of the running quarter second
_MINIMA: Final = slice(2 * BANDS, 2 * BANDS + _PARTS * BANDS)
_FAST: Final = slice(_MINIMA.stop, _MINIMA.stop + BANDS)  # excess over the floor, smoothed over 2 hops
_SLOW: Final = slice(_FAST.stop, _FAST.stop + BANDS)  # the same over 20 hops
_PEAK: Final = _SLOW.stop
_HEARD: Final = _PEAK + 1
_VOICING: Final = _HEARD + 1
_CHANGE: Final = _VOICING + 1
_LOGIT: Final = _CHANGE + 1
_RUN: Final = _LOGIT + 1  # hops since digital silence
ROWS: Final = _RUN + 1

INPUTS: Final = 2 * BANDS + 9


class VoiceMeter:
    """Gives log odds of speech for every hop.

    Args:
        weights: ``w1`` [hidden, INPUTS], ``b1`` [hidden], ``w2`` [hidden], ``b2`` [1], float32; None: inputs only
        (training).
    """

    def __init__(self, weights: dict[str, Float] | None) -> None:
        self._network = None if weights is None else Network(weights)
        self.state: Double = np.zeros((ROWS, 0))
        self.inputs = np.zeros((INPUTS, 0), np.float32)
        self.floor: Double = np.zeros((BANDS, 0))

    def attach(self, channels: int) -> None:
        """Make room for this many channels, all unheard."""
        self.state = np.zeros((ROWS, channels))
        self.reset(np.arange(channels))

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels."""
        self.state[:, channels] = 0
        self.state[_PEAK, channels] = _PEAK_START_DBM0

    def alone(self, channel: int) -> LoneVoice:
        """Give one channel's state as plain numbers; `put` takes it back."""
        return LoneVoice(self.state[:, channel].tolist(), self._network)

    def put(self, channel: int, lone: LoneVoice) -> None:
        """Take a channel's state back."""
        self.state[:, channel] = lone.column()
        self.floor = np.array(lone.floor)[:, None]

    def step(self, hop: Hop, values: Double) -> tuple[Double, Double]:
        """Take a hop; give log odds of speech, and dB over the floor (mean of bands), each [k].

        Args:
            hop: the hop.
            values: its features in double precision.
        """
        now = hop.channels
        whole = covers(now, self.state.shape[1])
        s = self.state if whole else self.state[:, now]
        heard = ~(hop.digital | hop.lost | hop.tainted | hop.locked)
        bands = values[_LEVELS]
        s[_RUN] = np.where(hop.digital & ~hop.lost, 0.0, s[_RUN] + 1)
        self.floor = floor = self._track(s, bands, heard & (s[_RUN] >= _WHOLE_HOPS))
        excess = np.clip(bands - floor, 0, _MOST_DB)
        self._smooth(s, values, excess, heard)
        self.inputs = self._stack(s, values, floor)
        if self._network is not None:
            odds = self._network.odds(self.inputs)
            s[_LOGIT] = np.where(heard, odds, np.where(hop.digital & ~hop.lost, _SILENT_ODDS, s[_LOGIT]))
        if not whole:
            self.state[:, now] = s
        return s[_LOGIT], sum_rows(excess) / BANDS

    @staticmethod
    def _track(s: Double, bands: Double, heard: Bool) -> Double:
        """Follow each band's minimum; give the floors [BANDS, k]."""
        count = s[_HEARD]
        first = count == 0
        s[_SMOOTH] = np.where(heard, np.where(first, bands, s[_SMOOTH] + _FOLLOW * (bands - s[_SMOOTH])), s[_SMOOTH])
        s[_MINIMUM] = np.where(heard, np.minimum(s[_MINIMUM], s[_SMOOTH]), s[_MINIMUM])
        s[_HEARD] = count = count + heard
        turn = np.flatnonzero(heard & (count % _PART_HOPS == 0))
        if len(turn):
            part = (count[turn] // _PART_HOPS % _PARTS).astype(np.intp) * BANDS + _MINIMA.start
            for band in range(BANDS):
                s[part + band, turn] = s[_MINIMUM.start + band, turn]
                s[_MINIMUM.start + band, turn] = s[_SMOOTH.start + band, turn]
        floor = s[_MINIMUM]
        for part_number in range(_PARTS):
            start = _MINIMA.start + part_number * BANDS
            floor = np.minimum(floor, s[start : start + BANDS])
        floor = floor + _BIAS_DB
        return np.where(count < _PRIOR_HOPS, np.minimum(floor, _FLOOR_PRIOR_DBM0), floor)

    @staticmethod
    def _smooth(s: Double, values: Double, excess: Double, heard: Bool) -> None:
        """Carry smoothed excess, the talker's peak and voicing."""
        s[_CHANGE] = np.where(heard, sum_rows(np.abs(excess - s[_FAST])) / BANDS, s[_CHANGE])
        s[_FAST] = np.where(heard, s[_FAST] + _FAST_GAIN * (excess - s[_FAST]), s[_FAST])
        s[_SLOW] = np.where(heard, s[_SLOW] + _SLOW_GAIN * (excess - s[_SLOW]), s[_SLOW])
        loud = np.where(heard & (s[_HEARD] > 0), values[Field.LEVEL], _PEAK_START_DBM0)
        s[_PEAK] = np.maximum(s[_PEAK] - _PEAK_FALL_DB * heard, loud)
        s[_VOICING] = np.where(heard, s[_VOICING] + _FOLLOW * (values[Field.VOICING] - s[_VOICING]), s[_VOICING])

    @staticmethod
    def _stack(s: Double, values: Double, floor: Double) -> Float:
        """The network's inputs, [INPUTS, k], each of order one."""
        level = np.maximum(values[Field.LEVEL], _LOWEST_DBM0)
        inputs = np.empty((INPUTS, s.shape[1]), np.float32)
        inputs[:BANDS] = s[_FAST] * 0.1
        inputs[BANDS : 2 * BANDS] = s[_SLOW] * 0.1
        rest = (
            np.clip(level - s[_PEAK], -40, 0) * 0.1,
            np.clip(s[_PEAK] - sum_rows(floor) / BANDS, 0, 60) * 0.05,
            values[Field.VOICING], s[_VOICING], values[Field.HIGH], values[Field.LOW], values[Field.FLATNESS],
            s[_CHANGE] * 0.1,
            np.minimum(s[_HEARD], 150) * 0.01,
        )  # fmt: skip
        for row, value in enumerate(rest, 2 * BANDS):
            inputs[row] = value
        return inputs


class LoneVoice:
    """One channel's voice meter in plain numbers; the same as `VoiceMeter`, to the bit.

    Args:
        column: the channel's column of the meter's state.
        network: what was learned, or None.
    """

    __slots__ = (
        "_change", "_fast", "_heard", "_logit", "_lowest", "_minima", "_minimum", "_network", "_peak", "_run",
        "_slow", "_smooth", "_voicing", "floor",
    )  # fmt: skip

    def __init__(self, column: list[float], network: Network | None) -> None:
        self._network = network
        self._smooth, self._minimum = column[_SMOOTH], column[_MINIMUM]
        flat = column[_MINIMA]
        self._minima = [flat[at : at + BANDS] for at in range(0, len(flat), BANDS)]
        self._lowest = [min(parts) for parts in zip(*self._minima, strict=True)]
        self._fast, self._slow = column[_FAST], column[_SLOW]
        self._peak, self._heard, self._voicing, self._change, self._logit, self._run = column[_PEAK:]
        self.floor = [0.0] * BANDS

    def column(self) -> list[float]:
        """Give the state as a column of the meter's."""
        minima = [level for part in self._minima for level in part]
        rest = [self._peak, self._heard, self._voicing, self._change, self._logit, self._run]
        return [*self._smooth, *self._minimum, *minima, *self._fast, *self._slow, *rest]

    def step(self, values: list[float], heard: bool, silent: bool) -> tuple[float, float]:
        """Take a hop; give log odds of speech and dB over the floor.

        Args:
            values: features of the hop.
            heard: it is no digital silence, not lost, and no tone.
            silent: it is digital silence, and was received.
        """
        bands = values[_LEVELS]
        self._run = 0.0 if silent else self._run + 1
        if heard and self._run >= _WHOLE_HOPS:
            self._track(bands)
        floor = [(min(old, low)) + _BIAS_DB for low, old in zip(self._minimum, self._lowest, strict=True)]
        if self._heard < _PRIOR_HOPS:
            floor = [min(low, _FLOOR_PRIOR_DBM0) for low in floor]
        self.floor = floor
        excess = [min(max(band - low, 0.0), _MOST_DB) for band, low in zip(bands, floor, strict=True)]
        if heard:
            self._carry(values, excess)
            if self._network is not None:
                self._logit = self._network.odds_of_one(self._inputs(values))
        elif silent:
            self._logit = _SILENT_ODDS
        return self._logit, _total(excess) / BANDS

    def _track(self, bands: list[float]) -> None:
        """Follow each band's minimum."""
        if self._heard == 0:
            self._smooth = bands
        else:
            self._smooth = [old + _FOLLOW * (band - old) for old, band in zip(self._smooth, bands, strict=True)]
        self._minimum = [min(new, old) for old, new in zip(self._minimum, self._smooth, strict=True)]
        self._heard += 1
        if self._heard % _PART_HOPS == 0:
            self._minima[int(self._heard // _PART_HOPS % _PARTS)] = self._minimum
            self._minimum = self._smooth
            self._lowest = [min(parts) for parts in zip(*self._minima, strict=True)]

    def _carry(self, values: list[float], excess: list[float]) -> None:
        """Carry smoothed excess, the talker's peak and voicing."""
        self._change = _total([abs(new - old) for new, old in zip(excess, self._fast, strict=True)]) / BANDS
        self._fast = [old + _FAST_GAIN * (new - old) for old, new in zip(self._fast, excess, strict=True)]
        self._slow = [old + _SLOW_GAIN * (new - old) for old, new in zip(self._slow, excess, strict=True)]
        loud = values[Field.LEVEL] if self._heard > 0 else _PEAK_START_DBM0
        self._peak = max(self._peak - _PEAK_FALL_DB, loud)
        self._voicing += _FOLLOW * (values[Field.VOICING] - self._voicing)

    def _inputs(self, values: list[float]) -> list[float]:
        """The network's inputs."""
        level, peak = max(values[Field.LEVEL], _LOWEST_DBM0), self._peak
        return [
            *[value * 0.1 for value in self._fast],
            *[value * 0.1 for value in self._slow],
            min(max(level - peak, -40.0), 0.0) * 0.1,
            min(max(peak - _total(self.floor) / BANDS, 0.0), 60.0) * 0.05,
            values[Field.VOICING], self._voicing, values[Field.HIGH], values[Field.LOW], values[Field.FLATNESS],
            self._change * 0.1,
            min(self._heard, 150.0) * 0.01,
        ]  # fmt: skip


class Network:
    """The trained network, in single precision, summed term by term so that the order never depends on how many.

    Args:
        weights: ``w1`` [hidden, INPUTS], ``b1`` [hidden], ``w2`` [hidden], ``b2`` [1], float32.
    """

    def __init__(self, weights: dict[str, Float]) -> None:
        self._w1, self._b1, self._w2 = weights["w1"], weights["b1"], weights["w2"]
        self._b2 = weights["b2"][0]
        self._terms = np.empty((INPUTS + 1, len(self._b1)), np.float32)
        self._terms[0] = self._b1
        self._rows = np.ascontiguousarray(self._w1.T)

    def odds(self, inputs: Float) -> Float:
        """Give log odds [k] for inputs [INPUTS, k]."""
        hidden = np.repeat(self._b1[:, None], inputs.shape[1], axis=1)
        for i in range(INPUTS):
            hidden += self._w1[:, i : i + 1] * inputs[i]
        hidden = np.maximum(hidden, 0) * self._w2[:, None]
        odds: Float = sum_rows(hidden) + self._b2
        return odds

    def odds_of_one(self, inputs: list[float]) -> float:
        """Give the log odds of one channel."""
        np.multiply(self._rows, np.array(inputs, np.float32)[:, None], out=self._terms[1:])
        hidden = np.maximum(np.add.reduce(self._terms, axis=0), 0) * self._w2
        return float(np.add.accumulate(hidden)[-1] + self._b2)


def _total(eight: list[float]) -> float:
    """Sum one band after the other, as `sum_rows` does (`sum` compensates from Python 3.12 on)."""
    a, b, c, d, e, f, g, h = eight
    return a + b + c + d + e + f + g + h


def covers(channels: NDArray[np.intp], many: int) -> bool:
    """Tell whether these are all channels in order, so that the state can be worked on in place."""
    return len(channels) == many and bool((channels[1:] > channels[:-1]).all())


def sum_rows(matrix: NDArray[_Number]) -> NDArray[_Number]:
    """Sum [rows, k] over the rows, one after the other for any k (a single column would be summed pairwise)."""
    columns = matrix.shape[1]
    wide = np.repeat(matrix, 2, axis=1) if columns == 1 else matrix
    total: NDArray[_Number] = np.add.reduce(wide, axis=0)[:columns]
    return total
