"""Where a voice is: per hop the log odds that speech sounds, by band levels over their own noise floors.

A small network (ReLU, two layers of weights) looks at eight bands of 406 Hz, each against the minimum of its own
smoothed level over 1.5 s, at the talker's peak and at voicing. So street noise, babble, surf and a change of level
are told from a voice where a single level gate would not. Lost, digital and tonal hops are time without evidence.

State is one float32 matrix [rows, channels]; every operation is element-wise in a fixed order, so a channel's result
does not depend on its neighbours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Field, Hop
from dialer.detection.level import dbm0

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

BANDS: Final = 8
_FIRST_BIN: Final = 13  # 203 Hz
_BAND_BINS: Final = 26  # 406 Hz
_PARTS: Final = 6
_PART_HOPS: Final = 25  # minimum over 6 x 0.25 s
_LOWEST_DBM0: Final = np.float32(-74.0)  # a band's level below this is line noise and held there
_FLOOR_PRIOR_DBM0: Final = np.float32(-48.0)  # no band's floor is believed higher before 0.3 s were heard
_PRIOR_HOPS: Final = np.float32(30)
_PEAK_FALL_DB: Final = np.float32(0.05)  # a hop: 5 dB a second
_UNHEARD: Final = np.float32(0.0)

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
ROWS: Final = _LOGIT + 1

INPUTS: Final = 2 * BANDS + 9
_FEW: Final = 48  # columns up to which the network is computed in one piece


class VoiceMeter:
    """Gives log odds of speech for every hop.

    Args:
        weights: ``w1`` [hidden, INPUTS], ``b1`` [hidden], ``w2`` [hidden], ``b2`` [1], float32; None: inputs only
        (training).
    """

    def __init__(self, weights: dict[str, Float] | None) -> None:
        self._weights = weights
        self.state = np.zeros((ROWS, 0), np.float32)
        self.inputs = np.zeros((INPUTS, 0), np.float32)
        self.bands = np.zeros((BANDS, 0), np.float32)
        self.floor = np.zeros((BANDS, 0), np.float32)

    def attach(self, channels: int) -> None:
        """Make room for this many channels, all unheard."""
        self.state = np.zeros((ROWS, channels), np.float32)
        self.reset(np.arange(channels))

    def reset(self, channels: NDArray[np.intp]) -> None:
        """Forget these channels."""
        self.state[:, channels] = 0
        self.state[_PEAK, channels] = -96.0

    def step(self, hop: Hop) -> tuple[Float, Float, Float]:
        """Take a hop; give log odds of speech, dB over the floor (mean of bands) and the floor in dBm0, each [k]."""
        now = hop.channels
        whole = covers(now, self.state.shape[1])
        s = self.state if whole else self.state[:, now]
        heard = ~(hop.digital | hop.lost | hop.tainted | hop.locked)
        self.bands = bands = self._bands(hop)
        self.floor = floor = self._track(s, bands, heard)
        excess = np.clip(bands - floor, 0, 40)
        self._smooth(s, hop, excess, heard)
        power = sum_rows(excess)
        self.inputs = self._stack(s, hop, floor)
        if self._weights is not None:
            odds = self._odds(self.inputs)
            s[_LOGIT] = np.where(heard, odds, np.where(hop.digital & ~hop.lost, np.float32(-8), s[_LOGIT]))
        if not whole:
            self.state[:, now] = s
        return s[_LOGIT], power / np.float32(BANDS), sum_rows(floor) / np.float32(BANDS)

    @staticmethod
    def _bands(hop: Hop) -> Float:
        """Levels of the bands in dBm0, [BANDS, k]."""
        cut = hop.spectrum[:, _FIRST_BIN : _FIRST_BIN + BANDS * _BAND_BINS]
        power = cut.reshape(len(cut), BANDS, _BAND_BINS).sum(axis=2)
        return np.maximum(dbm0(np.ascontiguousarray(power.T)), _LOWEST_DBM0)

    @staticmethod
    def _track(s: Float, bands: Float, heard: Bool) -> Float:
        """Follow each band's minimum; give the floors [BANDS, k]."""
        count = s[_HEARD]
        first = count == 0
        s[_SMOOTH] = np.where(
            heard, np.where(first, bands, s[_SMOOTH] + np.float32(0.3) * (bands - s[_SMOOTH])), s[_SMOOTH]
        )
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
        floor = floor + np.float32(2.0)
        return np.where(count < _PRIOR_HOPS, np.minimum(floor, _FLOOR_PRIOR_DBM0), floor)

    @staticmethod
    def _smooth(s: Float, hop: Hop, excess: Float, heard: Bool) -> None:
        """Carry smoothed excess, the talker's peak and voicing."""
        s[_CHANGE] = np.where(heard, sum_rows(np.abs(excess - s[_FAST])) / np.float32(BANDS), s[_CHANGE])
        s[_FAST] = np.where(heard, s[_FAST] + np.float32(0.5) * (excess - s[_FAST]), s[_FAST])
        s[_SLOW] = np.where(heard, s[_SLOW] + np.float32(0.05) * (excess - s[_SLOW]), s[_SLOW])
        level = hop[Field.LEVEL]
        loud = np.where(heard & (s[_HEARD] > 3), level, np.float32(-96))
        s[_PEAK] = np.maximum(s[_PEAK] - _PEAK_FALL_DB * heard, loud)
        s[_VOICING] = np.where(heard, s[_VOICING] + np.float32(0.3) * (hop[Field.VOICING] - s[_VOICING]), s[_VOICING])

    @staticmethod
    def _stack(s: Float, hop: Hop, floor: Float) -> Float:
        """The network's inputs, [INPUTS, k], each of order one."""
        tenth = np.float32(0.1)
        level = np.maximum(hop[Field.LEVEL], np.float32(-74))
        mean_floor = sum_rows(floor) / np.float32(BANDS)
        return np.concatenate([
            s[_FAST] * tenth,
            s[_SLOW] * tenth,
            np.stack([
                np.clip(level - s[_PEAK], -40, 0) * tenth,
                np.clip(s[_PEAK] - mean_floor, 0, 60) * np.float32(0.05),
                hop[Field.VOICING], s[_VOICING], hop[Field.HIGH], hop[Field.LOW], hop[Field.FLATNESS],
                s[_CHANGE] * tenth,
                np.minimum(s[_HEARD], 150) * np.float32(0.01),
            ]),
        ])  # fmt: skip

    def _odds(self, inputs: Float) -> Float:
        """The network, summed term by term so that the order never depends on the number of channels."""
        assert self._weights is not None
        w1, b1, w2, b2 = (self._weights[name] for name in ("w1", "b1", "w2", "b2"))
        columns = inputs.shape[1]
        if columns <= _FEW:
            # one call instead of fifty; two columns at least, so that the terms are added row after row here too
            wide = np.repeat(inputs, 2, axis=1) if columns == 1 else inputs
            terms = np.empty((w1.shape[0], INPUTS + 1, wide.shape[1]), np.float32)
            terms[:, 0] = b1[:, None]
            np.multiply(w1[:, :, None], wide, out=terms[:, 1:])
            hidden = np.add.reduce(terms, axis=1)[:, :columns]
        else:
            hidden = np.repeat(b1[:, None], columns, axis=1)
            for i in range(INPUTS):
                hidden += w1[:, i : i + 1] * inputs[i]
        hidden = np.maximum(hidden, 0) * w2[:, None]
        odds: Float = sum_rows(hidden) + b2[0]
        return odds


def covers(channels: NDArray[np.intp], many: int) -> bool:
    """Tell whether these are all channels in order, so that the state can be worked on in place."""
    return len(channels) == many and bool((channels[1:] > channels[:-1]).all())


def sum_rows(matrix: Float) -> Float:
    """Sum float32 [rows, k] over the rows, one after the other for any k (a single column would be summed pairwise)."""
    columns = matrix.shape[1]
    wide = np.repeat(matrix, 2, axis=1) if columns == 1 else matrix
    total: Float = np.add.reduce(wide, axis=0)[:columns]
    return total
