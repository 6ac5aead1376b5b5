"""The front-end: samples of all channels in, per-hop features of all channels out.

One hop is 10 ms (80 samples at 8 kHz). A hop's spectrum is that of the last 32 ms (256 samples, Hann, 512-point FFT,
bins of 15.625 Hz) and ends with the hop; its level is that of its own 80 samples. Rows (one channel, one hop) are
computed each by itself, so that no result depends on how the samples were cut, on how many channels there are, or on
what they carry: no BLAS, no reduction over channels, transforms row by row in single precision.

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
from dialer.detection.spectrum import BANDS, BINS, LOWEST_BAND_DBM0, WINDOW, analyse

Float = NDArray[np.float32]
Int = NDArray[np.intp]
Bool = NDArray[np.bool_]

LONG: Final = 1024
"""Samples of history kept a channel: the 128 ms window that separates tones 25 Hz apart."""

ANALYSED_DBM0: Final = -62.0
"""Below this level a hop gets no spectrum: the quietest signal to be found is at -43 dBm0, line noise lies near -65."""

_ROWS_AT_ONCE: Final = 2048
_BLOCK_ROWS: Final = 256
_SLACK: Final = 1280  # samples a row holds beyond its history before it is moved back to the front
_SLACK_ROWS: Final = 16  # a bank so small gets more slack, so that a recording is heard in longer pieces


class Field(IntEnum):
    """The rows of `Hop.values`, all float32."""

    LEVEL = 0  # dBm0 of the hop's 80 samples, mean removed
    BAND = 1  # dBm0 of 100-3800 Hz in the 32 ms window
    F1 = 2  # Hz, strongest peak in 250-3600 Hz
    P1 = 3  # 0..1, share of BAND within +-62 Hz of F1 (purity)
    F2 = 4  # Hz, strongest peak at least 78 Hz away from F1; 0 where P1 is below 0.3
    P2 = 5  # 0..1, share of BAND within +-62 Hz of F2
    CALL = 6  # 0..1, share of BAND in 290-690 Hz, where call progress tones lie
    VOICING = 7  # 0..1, highest normalised autocorrelation at lags of 70-400 Hz
    PITCH = 8  # Hz, where VOICING lies
    HIGH = 9  # 0..1, share of BAND above 2 kHz
    LOW = 10  # 0..1, share of BAND below 290 Hz
    FLATNESS = 11  # 0..1, geometric over arithmetic mean of eight bands of 400 Hz: noise near 1, tones near 0
    BAND0 = 12  # dBm0 of eight bands of 406 Hz from 203 Hz on, this row and the seven after, not below -74
    FLOOR = 20  # dBm0, tracked noise floor (filled by `Activity`)
    PEAK = 21  # dBm0, recent speech peak (filled by `Activity`)


FIELDS: Final = Field.PEAK + 1


@dataclass(slots=True)
class Hop:
    """One hop of the k channels that have one at this step; arrays are views, valid until the next hop.

    `channels[i]` is the bank's channel of column i; no channel occurs twice.
    """

    channels: Int  # [k]
    index: NDArray[np.int64]  # [k] hop number on the channel's own clock; the hop ends at (index + 1) * 10 ms
    values: Float  # [FIELDS, k], see Field
    analysed: Bool  # [k] the window is above ANALYSED_DBM0 and has a spectrum
    digital: Bool  # [k] the hop is digital silence: constant and next to nothing
    lost: Bool  # [k] the hop holds lost samples: no evidence, timers run
    tainted: Bool  # [k] the 32 ms window holds lost samples
    active: Bool  # [k] the level stands above the relative speech gate (filled by `Activity`)
    voice: Bool  # [k] smoothed activity that is not a tone (filled by `Activity`)
    locked: Bool  # [k] a steady tone is sounding (filled by the bank from the tone trackers)
    history: "History"
    ends: Int  # [k] where the hop ends in the history

    def __getitem__(self, field: Field) -> Float:
        """Give one feature of all columns, float32 [k]."""
        row: Float = self.values[field]
        return row

    def recent(self, columns: Int) -> NDArray[np.int16]:
        """Give the last 128 ms of some columns, up to the end of this hop: int16 [len(columns), 1024]."""
        return self.history.last(self.channels[columns], self.ends[columns])


class History:
    """The last samples of every channel, in rows that are written on to the right and moved back to the left when full.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        slack = _SLACK if channels > _SLACK_ROWS else _SLACK * _SLACK_ROWS
        self._samples = np.zeros((channels, LONG + HOP + slack), np.int16)
        self._at = np.full(channels, LONG, np.intp)
        self.room = slack

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return self._samples.nbytes + self._at.nbytes

    def reset(self, channel: int) -> None:
        """Forget what this channel heard."""
        self._samples[channel, :LONG] = 0
        self._at[channel] = LONG

    def append(self, channels: Int, samples: NDArray[np.int16], counts: Int, pending: Int) -> Int:
        """Write new samples behind the old, at most `room` of them; give where the unfinished hop of each begins."""
        n = samples.shape[1]
        full = np.flatnonzero(self._at[channels] + n > self._samples.shape[1])
        for row, keep in zip(channels[full].tolist(), (LONG + pending[full]).tolist(), strict=True):
            at = int(self._at[row])
            self._samples[row, :keep] = self._samples[row, at - keep : at].copy()
            self._at[row] = keep
        at_ = self._at[channels]
        for at in np.unique(at_).tolist():
            group = np.flatnonzero(at_ == at)
            if len(group) == len(channels) == len(self._at):
                self._samples[:, at : at + n] = samples
            else:
                self._samples[channels[group], at : at + n] = samples[group]
        self._at[channels] = at_ + counts
        return at_ - pending

    def windows(self, length: int) -> NDArray[np.int16]:
        """Give a view [channels, start, length] on every stretch of this length."""
        view: NDArray[np.int16] = sliding_window_view(self._samples, length, axis=1)
        return view

    def last(self, channels: Int, ends: Int) -> NDArray[np.int16]:
        """Give the 1024 samples before each end."""
        view: NDArray[np.int16] = self.windows(LONG)[channels, ends - LONG]
        return view


@dataclass(slots=True)
class _Work:
    """What one push adds: which channels, how many whole hops each, where they begin, and which were lost."""

    order: Int  # channels, those with most hops first
    hops: Int  # [k] whole hops of each
    first: Int  # [k] where the first of them begins in the history
    lost: Bool  # [k, 3 + hops]: three hops of history first


class FrontEnd:
    """Carries the samples of `channels` channels and yields hops as they fill.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._history = History(channels)
        self._pending = np.zeros(channels, np.intp)
        self._pending_lost = np.zeros(channels, np.bool_)
        self._lost_before = np.zeros((channels, 3), np.bool_)
        self._levels_before = np.full((channels, 3), SILENT_DBM0, np.float32)
        self._index = np.zeros(channels, np.int64)

    def reset(self, channel: int) -> None:
        """Forget what this channel heard; its clock starts at zero."""
        self._history.reset(channel)
        for state in (self._pending, self._pending_lost, self._lost_before, self._index):
            state[channel] = 0
        self._levels_before[channel] = SILENT_DBM0

    def samples_heard(self, channel: int) -> int:
        """Give the position of the channel's clock in samples."""
        return int(self._index[channel]) * HOP + int(self._pending[channel])

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        parts = (self._pending, self._pending_lost, self._lost_before, self._levels_before, self._index)
        return self._history.nbytes + sum(a.nbytes for a in parts)

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
        slab = min(self._history.room, max(HOP, _ROWS_AT_ONCE // max(1, len(channels)) * HOP))
        for start in range(0, samples.shape[1], slab):
            part = np.clip(counts - start, 0, slab)
            live = np.flatnonzero(part)
            if len(live) == 0:
                return
            piece = samples[:, start : start + slab]
            gone = None if lost is None else lost[:, start : start + slab]
            if len(live) < len(channels):
                piece, part, gone = piece[live], part[live], None if gone is None else gone[live]
            yield from self._hops(self._assemble(channels[live], piece, part, gone))

    def _assemble(self, channels: Int, samples: NDArray[np.int16], counts: Int, lost: Bool | None) -> _Work:
        """Keep the new samples, and see which hops they complete."""
        pending = self._pending[channels]
        hops = (pending + counts) // HOP
        first = self._history.append(channels, samples, counts, pending)
        gone = self._lost_hops(channels, lost, counts, pending, hops)
        self._pending[channels] = (pending + counts) % HOP
        if (hops == hops[0]).all():
            return _Work(channels, hops, first, gone)
        order = np.argsort(-hops, kind="stable")
        return _Work(channels[order], hops[order], first[order], gone[order])

    def _lost_hops(self, channels: Int, lost: Bool | None, counts: Int, pending: Int, hops: Int) -> Bool:
        """Say which hops hold lost samples, [k, 3 + hops] with the three before."""
        most = int(hops.max())
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
        level, digital = self._levels(work, most)
        values[:, Field.LEVEL] = level[3:]
        loudest = np.maximum(np.maximum(level[3:], level[2:-1]), np.maximum(level[1:-2], level[:-3]))
        analysed = loudest > ANALYSED_DBM0
        alive = np.arange(most)[:, None] < work.hops
        self._spectra(work, analysed & alive, values)
        gone = np.ascontiguousarray(work.lost[:, 3:].T)
        tainted = gone | work.lost[:, :-3].T | work.lost[:, 1:-2].T | work.lost[:, 2:-1].T
        flags = np.zeros((3, most, many), np.bool_)
        index = self._index[work.order]
        self._index[work.order] += work.hops
        alike = int(work.hops[-1]) == most
        for j in range(most):
            k = many if alike else int(np.count_nonzero(work.hops > j))
            yield Hop(
                channels=work.order[:k], index=index[:k] + j, values=values[j, :, :k], analysed=analysed[j, :k],
                digital=digital[j, :k], lost=gone[j, :k], tainted=tainted[j, :k],
                active=flags[0, j, :k], voice=flags[1, j, :k], locked=flags[2, j, :k],
                history=self._history, ends=work.first[:k] + (j + 1) * HOP,
            )  # fmt: skip

    def _levels(self, work: _Work, most: int) -> tuple[Float, Bool]:
        """Give level (dBm0, mean removed) [3 + hops, k], with the three hops before, and digital silence [hops, k]."""
        starts = work.first + np.arange(most)[:, None] * HOP
        np.minimum(starts, self._history.windows(HOP).shape[1] - 1, out=starts)
        fresh, digital = _levels(self._history.windows(HOP)[work.order, starts])
        level = np.concatenate((self._levels_before[work.order].T, fresh))
        self._levels_before[work.order] = level[work.hops[:, None] + np.arange(3), np.arange(len(work.order))[:, None]]
        return level, digital

    def _spectra(self, work: _Work, wanted: Bool, values: Float) -> None:
        """Fill in the spectral features of the wanted rows, a cacheful at a time."""
        many = wanted.shape[1]
        values[:, Field.BAND] = SILENT_DBM0
        values[:, Field.BAND0 : Field.BAND0 + BANDS] = LOWEST_BAND_DBM0
        windows = self._history.windows(WINDOW)
        hop_of, row_of = np.divmod(np.flatnonzero(wanted), many)
        channels, starts = work.order[row_of], work.first[row_of] + (hop_of + 1) * HOP - WINDOW
        power = np.empty((min(_BLOCK_ROWS, len(hop_of)), BINS), np.float32)
        for start in range(0, len(hop_of), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            frames = windows[channels[part], starts[part]]
            features = analyse(frames, power[: len(frames)])
            values[hop_of[part], Field.BAND : Field.FLOOR, row_of[part]] = features.T


def _levels(blocks: NDArray[np.int16]) -> tuple[Float, Bool]:
    """Give level (dBm0, mean removed) and digital silence of hops, from int16 [hops, k, 80]."""
    wide = blocks.astype(np.float32)
    mean = wide.mean(axis=2)
    power = np.multiply(wide, wide, out=wide).mean(axis=2) - mean * mean
    spread = blocks.max(axis=2).astype(np.int32) - blocks.min(axis=2)
    # an A-law coder's silence is +-8 of 32768, constant; a mu-law coder's is 0
    digital = ((spread == 0) & (np.abs(mean) <= 16.0)) | ((spread <= 4) & (np.abs(mean) <= 2.0))
    level = dbm0(power)
    level[digital] = SILENT_DBM0
    return level, digital
