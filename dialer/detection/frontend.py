"""The front-end: samples of all channels in, per-hop features of all channels out.

One hop is 10 ms (80 samples at 8 kHz). A hop's spectrum is that of the last 32 ms (256 samples, Hann, 512-point FFT, bins
of 15.625 Hz) and ends with the hop; its level is that of its own 80 samples. Rows (one channel, one hop) are computed each by
itself, so that no result depends on how the samples were cut, on how many channels there are, or on what they carry:
no BLAS, no reduction over channels, transforms row by row in single precision.

It must never decide anything, know the time of day, or keep more than 128 ms of samples a channel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dialer.detection.level import HOP, SILENT_DBM0, dbm0
from dialer.detection.spectrum import BINS, WINDOW, analyse

Float = NDArray[np.float32]
Int = NDArray[np.intp]
Bool = NDArray[np.bool_]

LONG: Final = 1024
"""Samples of history kept a channel: the 128 ms window that separates tones 25 Hz apart."""

ANALYSED_DBM0: Final = -62.0
"""Below this level a hop gets no spectrum: the quietest signal to be found is at -43 dBm0, line noise lies near -65."""

_TAIL: Final = LONG + HOP - 1
_ROWS_AT_ONCE: Final = 2048
_BLOCK_ROWS: Final = 256


class Field(IntEnum):
    """The rows of `Hop.values`, all float32."""

    LEVEL = 0  # dBm0 of the hop's 80 samples, mean removed
    BAND = 1  # dBm0 of 100-3800 Hz in the 32 ms window
    F1 = 2  # Hz, strongest peak in 250-3600 Hz
    P1 = 3  # 0..1, share of BAND within +-62 Hz of F1 (purity)
    F2 = 4  # Hz, strongest peak at least 78 Hz away from F1
    P2 = 5  # 0..1, share of BAND within +-62 Hz of F2
    CALL = 6  # 0..1, share of BAND in 290-690 Hz, where call progress tones lie
    VOICING = 7  # 0..1, highest normalised autocorrelation at lags of 70-400 Hz
    PITCH = 8  # Hz, where VOICING lies
    HIGH = 9  # 0..1, share of BAND above 2 kHz
    LOW = 10  # 0..1, share of BAND below 290 Hz
    FLATNESS = 11  # 0..1, geometric over arithmetic mean of eight bands of 400 Hz: noise near 1, tones near 0
    FLOOR = 12  # dBm0, tracked noise floor (filled by `Activity`)
    PEAK = 13  # dBm0, recent speech peak (filled by `Activity`)


FIELDS: Final = len(Field)


@dataclass(slots=True)
class Hop:
    """One hop of the k channels that have one at this step; arrays are views, valid until the next hop.

    `channels[i]` is the bank's channel of column i; no channel occurs twice.
    """

    channels: Int  # [k]
    index: NDArray[np.int64]  # [k] hop number on the channel's own clock; the hop ends at (index + 1) * 10 ms
    values: Float  # [FIELDS, k], see Field
    spectrum: Float  # [k, 257] power, sums to the mean square; all zero where `analysed` is false
    analysed: Bool  # [k] the window is above ANALYSED_DBM0 and has a spectrum
    digital: Bool  # [k] the hop is digital silence: constant and next to nothing
    lost: Bool  # [k] the hop holds lost samples: no evidence, timers run
    tainted: Bool  # [k] the 32 ms window holds lost samples
    active: Bool  # [k] the level stands above the relative speech gate (filled by `Activity`)
    voice: Bool  # [k] smoothed activity that is not a tone (filled by `Activity`)
    locked: Bool  # [k] a steady tone is sounding (filled by the bank from the tone trackers)
    samples: NDArray[np.int16]  # [k, 1024] the last 128 ms up to the end of this hop

    def __getitem__(self, field: Field) -> Float:
        """Give one feature of all columns, float32 [k]."""
        row: Float = self.values[field]
        return row


@dataclass(slots=True)
class _Work:
    """The samples of one push, per channel: history, unfinished hop, new samples."""

    order: Int  # channels, those with most hops first
    hops: Int  # [k] whole hops of each
    samples: NDArray[np.int16]  # [k, _TAIL + n + HOP]
    lost: Bool  # [k, 3 + hops]: three hops of history first


class FrontEnd:
    """Carries the samples of `channels` channels and yields hops as they fill.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._tail = np.zeros((channels, _TAIL), np.int16)
        self._pending = np.zeros(channels, np.intp)
        self._pending_lost = np.zeros(channels, np.bool_)
        self._lost_before = np.zeros((channels, 3), np.bool_)
        self._index = np.zeros(channels, np.int64)

    def reset(self, channel: int) -> None:
        """Forget what this channel heard; its clock starts at zero."""
        for state in (self._tail, self._pending, self._pending_lost, self._lost_before, self._index):
            state[channel] = 0

    def samples_heard(self, channel: int) -> int:
        """Give the position of the channel's clock in samples."""
        return int(self._index[channel]) * HOP + int(self._pending[channel])

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return sum(a.nbytes for a in (self._tail, self._pending, self._pending_lost, self._lost_before, self._index))

    def feed(self, channels: Int, samples: NDArray[np.int16], counts: Int, lost: Bool | None) -> Iterator[Hop]:
        """Take new samples and yield the hops they complete, oldest first.

        Args:
            channels: [k] distinct channels.
            samples: int16 [k, n].
            counts: [k] how many samples of each row count.
            lost: bool [k, n] samples that stand for lost frames, or None.

        Yields:
            One `Hop` per 10 ms, of the channels that have it.
        """
        slab = max(HOP, _ROWS_AT_ONCE // max(1, len(channels)) * HOP)
        for start in range(0, samples.shape[1], slab):
            part = np.clip(counts - start, 0, slab)
            live = np.flatnonzero(part)
            if len(live) == 0:
                return
            piece = samples[live, start : start + slab]
            gone = None if lost is None else lost[live, start : start + slab]
            yield from self._hops(self._assemble(channels[live], piece, part[live], gone))

    def _assemble(self, channels: Int, samples: NDArray[np.int16], counts: Int, lost: Bool | None) -> _Work:
        """Join history and new samples, and keep what the next push needs."""
        pending = self._pending[channels]
        hops = (pending + counts) // HOP
        order = np.argsort(-hops, kind="stable")
        channels, samples, counts, pending, hops = (a[order] for a in (channels, samples, counts, pending, hops))
        work = np.zeros((len(channels), _TAIL + samples.shape[1] + HOP), np.int16)
        work[:, :_TAIL] = self._tail[channels]
        for p in np.unique(pending):
            rows = np.flatnonzero(pending == p)
            work[rows, LONG + p : LONG + p + samples.shape[1]] = samples[rows]
        gone = self._lost_hops(channels, None if lost is None else lost[order], counts, pending, hops)
        for h in np.unique(hops):
            rows = np.flatnonzero(hops == h)
            self._tail[channels[rows]] = work[rows, h * HOP : h * HOP + _TAIL]
        self._pending[channels] = (pending + counts) % HOP
        return _Work(channels, hops, work, gone)

    def _lost_hops(self, channels: Int, lost: Bool | None, counts: Int, pending: Int, hops: Int) -> Bool:
        """Say which hops hold lost samples, [k, 3 + hops] with the three before."""
        most = int(hops[0])
        gone = np.zeros((len(channels), 3 + most + 1), np.bool_)
        gone[:, :3] = self._lost_before[channels]
        gone[:, 3] = self._pending_lost[channels]
        if lost is not None:
            rows, at = np.nonzero(lost & (np.arange(lost.shape[1]) < counts[:, None]))
            gone[rows, 3 + (pending[rows] + at) // HOP] = True
        every = np.arange(len(channels))
        self._pending_lost[channels] = gone[every, 3 + hops] & ((pending + counts) % HOP > 0)
        self._lost_before[channels] = gone[every[:, None], hops[:, None] + np.arange(3)]
        return gone[:, : 3 + most]

    def _hops(self, work: _Work) -> Iterator[Hop]:
        """Compute the features of every row and yield them hop by hop."""
        most, many = int(work.hops[0]), len(work.order)
        if most == 0:
            return
        values = np.zeros((most, FIELDS, many), np.float32)
        spectrum = np.zeros((most, many, BINS), np.float32)
        blocks = work.samples[:, LONG - 3 * HOP : LONG + most * HOP].reshape(many, most + 3, HOP)
        level, digital = _levels(blocks)
        values[:, Field.LEVEL] = level[:, 3:].T
        loudest = sliding_window_view(level, 4, axis=1).max(axis=2)
        analysed = np.ascontiguousarray((loudest > ANALYSED_DBM0).T)
        digital = np.ascontiguousarray(digital[:, 3:].T)
        alive = np.arange(most)[:, None] < work.hops
        self._spectra(work, analysed & alive, values, spectrum)
        gone = np.ascontiguousarray(work.lost[:, 3:].T)
        tainted = np.ascontiguousarray(sliding_window_view(work.lost, 4, axis=1).any(axis=2).T)
        for j in range(most):
            k = int(np.count_nonzero(work.hops > j))
            now = work.order[:k]
            index = self._index[now]
            self._index[now] = index + 1
            end = LONG + (j + 1) * HOP
            yield Hop(
                channels=now, index=index, values=values[j, :, :k], spectrum=spectrum[j, :k],
                analysed=analysed[j, :k], digital=digital[j, :k], lost=gone[j, :k], tainted=tainted[j, :k],
                active=np.zeros(k, np.bool_), voice=np.zeros(k, np.bool_), locked=np.zeros(k, np.bool_),
                samples=work.samples[:k, end - LONG : end],
            )  # fmt: skip

    @staticmethod
    def _spectra(work: _Work, wanted: Bool, values: Float, spectrum: Float) -> None:
        """Fill in spectrum and spectral features of the wanted rows, a cacheful at a time."""
        values[:, Field.BAND] = SILENT_DBM0
        windows = sliding_window_view(work.samples, WINDOW, axis=1)[:, LONG + HOP - WINDOW :: HOP]
        hop_of, row_of = np.nonzero(wanted)
        for start in range(0, len(hop_of), _BLOCK_ROWS):
            hops, rows = hop_of[start : start + _BLOCK_ROWS], row_of[start : start + _BLOCK_ROWS]
            power, features = analyse(windows[rows, hops])
            spectrum[hops, rows] = power
            values[hops, Field.BAND : Field.FLOOR, rows] = features.T


def _levels(blocks: NDArray[np.int16]) -> tuple[Float, Bool]:
    """Give level (dBm0, mean removed) and digital silence of hops, from int16 [k, hops, 80]."""
    wide = blocks.astype(np.float32)
    mean = wide.mean(axis=2)
    power = np.multiply(wide, wide, out=wide).mean(axis=2) - mean * mean
    spread = blocks.max(axis=2).astype(np.int32) - blocks.min(axis=2)
    # an A-law coder's silence is +-8 of 32768, constant; a mu-law coder's is 0
    digital = ((spread == 0) & (np.abs(mean) <= 16.0)) | ((spread <= 4) & (np.abs(mean) <= 2.0))
    level = dbm0(power)
    level[digital] = SILENT_DBM0
    return level, digital
