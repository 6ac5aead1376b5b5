"""The audio that comes in on every leg, as one numpy matrix over native memory. Any thread may read; nobody waits.

All positions are samples at 8 kHz since the row came into being; they only grow, over all legs that use the row. A
frame is 160 samples (20 ms); audio appears a whole frame at a time.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME = 160
RATE = 8000
NORMAL, LOST, SILENCE = 0, 1, 2  # tap_bank.hpp, FrameFlag
MAX_FRAMES = 50  # one second at most in one take


@dataclass(frozen=True, slots=True)
class Block:
    """New audio of some rows.

    Attributes:
        rows: int64 [k], as asked for.
        samples: int16 [k, n], zero behind each row's count.
        counts: int64 [k], samples that are new; multiples of 160.
        cursors: uint64 [k], where to go on.
        flags: uint8 [k, n / 160], per frame: 0 normal, 1 lost (concealed), 2 silence (nothing arrived).
    """

    rows: NDArray[np.int64]
    samples: NDArray[np.int16]
    counts: NDArray[np.int64]
    cursors: NDArray[np.uint64]
    flags: NDArray[np.uint8]

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Bool [k, n / 160]: frames that were lost on the way, or that the reader was too slow for."""
        lost: NDArray[np.bool_] = self.flags == LOST
        return lost


@dataclass(frozen=True, slots=True)
class RowFigures:
    """What a row's present leg has had: frames of each kind, frames overwritten before being read, RTP times."""

    normal: int
    lost: int
    silence: int
    overrun: int
    first_rtp: float | None
    last_rtp: float | None


class TapView:
    """Reads a TapBank.

    Args:
        bank: pjsua2.TapBank; kept alive by this view and by the arrays that it gives.
    """

    def __init__(self, bank: Any) -> None:
        self._bank = bank
        self.rows: int = bank.rows()
        self._slots: int = bank.slots()
        self.capacity: int = self._slots * FRAME
        self.samples: NDArray[np.int16] = self._matrix(bank.samples_address(), ctypes.c_int16, self.capacity)
        self._stamps: NDArray[np.uint64] = self._matrix(bank.stamps_address(), ctypes.c_uint64, self._slots)

    def _matrix(self, address: int, kind: Any, columns: int) -> Any:
        memory = (kind * (self.rows * columns)).from_address(address)
        memory.bank = self._bank  # the array keeps the ctypes object, that the bank
        matrix = np.ctypeslib.as_array(memory).reshape(self.rows, columns)
        matrix.flags.writeable = False
        return matrix

    def written(self, row: int) -> int:
        """Gives the position behind the newest sample."""
        return int(self._bank.written(int(row))) * FRAME

    def start(self, row: int) -> int:
        """Gives the position of the first sample of the row's present leg."""
        return int(self._bank.start(int(row))) * FRAME

    def first(self, row: int) -> int:
        """Gives the position of the oldest sample of the row's present leg that is still there."""
        oldest: int = self.written(row) - self.capacity + FRAME
        return max(self.start(row), oldest)

    def positions(self) -> NDArray[np.uint64]:
        """Gives written() of all rows, uint64 [rows]."""
        out = np.empty(self.rows, np.uint64)
        self._bank.positions(out.ctypes.data)
        return out * np.uint64(FRAME)

    def take(self, rows: NDArray[Any], cursors: NDArray[Any], max_frames: int = MAX_FRAMES) -> Block:
        """Gives what is new in some rows, with two native calls that release the interpreter lock.

        Args:
            rows: int [k].
            cursors: int [k], position of each row's first wanted sample. One overwritten meanwhile moves on, and the
                row's overrun figure tells how far.
            max_frames: at most so many frames per row; the rest waits for the next take.
        """
        index = np.ascontiguousarray(rows, np.int32)
        frames = np.ascontiguousarray(cursors, np.uint64) // np.uint64(FRAME)
        counts = np.empty(len(index), np.int32)
        n = self._bank.pending(index.ctypes.data, len(index), frames.ctypes.data, max_frames, counts.ctypes.data)
        samples = np.empty((len(index), n * FRAME), np.int16)
        flags = np.empty((len(index), n), np.uint8)
        if n:
            self._bank.collect(
                index.ctypes.data,
                len(index),
                frames.ctypes.data,
                counts.ctypes.data,
                n,
                samples.ctypes.data,
                flags.ctypes.data,
            )
        return Block(index.astype(np.int64), samples, counts.astype(np.int64) * FRAME, frames * np.uint64(FRAME), flags)

    def read(self, row: int, since: int) -> NDArray[np.int16]:
        """Gives the row's samples from `since` on, int16 [n], all that are there."""
        block = self.take(np.array([row]), np.array([max(0, since)]), self._slots)
        return block.samples[0, : int(block.counts[0])]

    def figures(self) -> NDArray[np.uint64]:
        """Gives uint64 [rows, 6]: first, last RTP in monotonic ns (0 = none); normal, lost, silence, overrun."""
        out = np.empty((self.rows, 6), np.uint64)
        self._bank.figures(out.ctypes.data)
        return out

    def figures_of(self, row: int) -> RowFigures:
        """Gives one row's figures."""
        first, last, normal, lost, silence, overrun = (int(value) for value in self.figures()[row])
        return RowFigures(normal, lost, silence, overrun, first / 1e9 if first else None, last / 1e9 if last else None)

    def frame_time(self, row: int, position: int) -> float:
        """Gives when the frame at `position` was taken, monotonic seconds; only while it is still in the row."""
        return float(self._stamps[row, position // FRAME % self._slots]) / 1e9

    def frame_times(self, row: int, position: int, count: int) -> NDArray[np.float64]:
        """Gives frame_time() of `count` frames from `position` on, float64 [count]."""
        places = (position // FRAME + np.arange(count)) % self._slots
        times: NDArray[np.float64] = self._stamps[row, places] / 1e9
        return times

    def last_frame_age(self, row: int) -> float | None:
        """Gives the age of the row's newest frame in seconds; None before the first."""
        written = self.written(row)
        return time.monotonic() - self.frame_time(row, written - FRAME) if written else None

    @property
    def rows_in_use(self) -> int:
        """Rows that legs, or their ports on the way out, hold now."""
        return int(self._bank.rows_in_use())
