"""Spectral features of 32 ms windows, row by row.

Row results must not depend on the number of rows: only element-wise operations, row-wise transforms and sums along the
last, contiguous axis are used.
"""

from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from dialer.detection.level import RATE_HZ, dbm0

Float = NDArray[np.float32]

WINDOW: Final = 256
FFT: Final = 512
BINS: Final = FFT // 2 + 1
BIN_HZ: Final = RATE_HZ / FFT

LOBE: Final = 4
"""Bins from the centre of a Hann window's main lobe to its zero: 62.5 Hz."""

_HANN: Final = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)).astype(np.float32)
_SCALE: Final = np.float32(2.0 / (FFT * float(np.sum(_HANN.astype(np.float64) ** 2))))
_BAND: Final = slice(7, 244)  # 109-3800 Hz
_PEAKS: Final = slice(16, 231)  # 250-3594 Hz
_CALL: Final = slice(18, 45)  # 281-688 Hz: 350 and 620 Hz with their lobes
_LOW: Final = slice(7, 18)
_HIGH: Final = slice(128, 244)
_LAGS: Final = slice(20, 115)  # 400-70 Hz
_SPAN: Final = np.arange(-LOBE, LOBE + 1)
_REJECT: Final = np.arange(-5, 6)
_MATTERS: Final = np.float32(0.3)  # a second peak is never the stronger: below, both are less than 0.6 of all
_TINY: Final = np.float32(1e-9)

BANDS: Final = 8
"""Bands of 406 Hz from 203 to 3453 Hz."""

LOWEST_BAND_DBM0: Final = -74.0
"""A band's level below this is line noise and held there."""

_BANDS: Final = slice(13, 13 + BANDS * 26)


def _lag_gain() -> Float:
    """Give the factor that undoes the window's own autocorrelation at each lag."""
    power = np.abs(np.fft.rfft(_HANN.astype(np.float64), FFT)) ** 2
    own = np.fft.irfft(power)[: FFT // 2]
    gain: Float = (own[0] / np.maximum(own, own[0] * 0.05))[_LAGS].astype(np.float32)
    return gain


_LAG_GAIN: Final = _lag_gain()


def _fill_power(frames: NDArray[np.int16], power: Float) -> None:
    """Fill in the power spectra; what it needs meanwhile is given back at once, so that memory stays in the cache."""
    bins = scipy.fft.rfft(frames * _HANN, FFT, axis=1)
    np.square(bins.real, out=power)
    power += np.square(bins.imag)
    power *= _SCALE


def analyse(frames: NDArray[np.int16], power: Float) -> Float:
    """Fill `power` with one-sided power spectra, which sum to the mean square.

    And give the features BAND..BAND0 + 7 of `Field`.

    Args:
        frames: int16 [r, 256].
        power: float32 [r, 257], written.

    Returns:
        float32 [11 + BANDS, r].
    """
    _fill_power(frames, power)
    total = power[:, _BAND].sum(axis=1) + _TINY
    f1, e1, at = _strongest(power, power[:, _PEAKS])
    e1[at == 0] = 0  # energy below the band looks like a peak at its edge
    f2, e2 = _second(power, at, np.flatnonzero(e1 >= _MATTERS * total))
    voicing, pitch = _periodicity(power)
    call, high, low = (power[:, part].sum(axis=1) / total for part in (_CALL, _HIGH, _LOW))
    purity1, purity2 = np.minimum(e1 / total, 1), np.minimum(e2 / total, 1)
    bands = power[:, _BANDS].reshape(len(power), BANDS, -1).sum(axis=2) + _TINY
    out = np.empty((11 + BANDS, len(power)), np.float32)
    for row, feature in enumerate((dbm0(total), f1, purity1, f2, purity2, call, voicing, pitch, high, low)):
        out[row] = feature
    out[10] = _flatness(bands)
    np.maximum(dbm0(bands.T), np.float32(LOWEST_BAND_DBM0), out=out[11:])
    return out


def _second(power: Float, at: NDArray[np.intp], rows: NDArray[np.intp]) -> tuple[Float, Float]:
    """Find the strongest peak away from the first, of the rows where the two together can matter; 0 elsewhere."""
    freq, energy = np.zeros(len(power), np.float32), np.zeros(len(power), np.float32)
    if len(rows):
        some = power[rows]
        rest = some[:, _PEAKS].copy()
        columns = np.clip(at[rows][:, None] + _REJECT, 0, rest.shape[1] - 1)
        np.put_along_axis(rest, columns, np.float32(0.0), axis=1)
        freq[rows], energy[rows], _ = _strongest(some, rest)
    return freq, energy


def _strongest(power: Float, within: Float) -> tuple[Float, Float, NDArray[np.intp]]:
    """Find the highest bin of `within` (a cut of `power` from 250 Hz on): frequency, energy of its lobe, and column.

    The frequency is interpolated by a parabola through the logarithms of three bins, which for a Hann window is true
    to 0.2 Hz.
    """
    at = within.argmax(axis=1)
    centre = (at + _PEAKS.start)[:, None]
    lobe = np.take_along_axis(power, centre + _SPAN, axis=1)
    three = np.log(np.ascontiguousarray(lobe[:, LOBE - 1 : LOBE + 2].T) + _TINY)
    bend = three[0] - 2 * three[1] + three[2]
    shift = np.where(bend < 0, np.float32(0.5) * (three[0] - three[2]) / np.minimum(bend, -_TINY), np.float32(0))
    frequency = (centre[:, 0] + np.clip(shift, -1, 1)).astype(np.float32) * np.float32(BIN_HZ)
    return frequency, lobe.sum(axis=1), at


def _periodicity(power: Float) -> tuple[Float, Float]:
    """Give the highest normalised autocorrelation among the lags of voices, and its frequency in Hz."""
    kept = power.copy()
    kept[:, : _BAND.start] = 0
    correlation = scipy.fft.irfft(kept, FFT, axis=1)
    lags = correlation[:, _LAGS] * _LAG_GAIN
    lags /= correlation[:, :1] + _TINY
    best = lags.argmax(axis=1)
    height = np.take_along_axis(lags, best[:, None], axis=1)[:, 0]
    pitch = np.float32(RATE_HZ) / (best + _LAGS.start).astype(np.float32)
    return np.clip(height, 0, 1), pitch


def _flatness(bands: Float) -> Float:
    """Give the geometric over the arithmetic mean of the bands [r, BANDS]."""
    logs = np.log(bands)
    flat: Float = np.exp(np.ascontiguousarray(logs.mean(axis=1))) / bands.mean(axis=1)
    return flat
