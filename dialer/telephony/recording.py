"""Records what legs' far ends say, from the tap: nothing is added to the media path, and no disk can hold it up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.tap import FRAME, LOST, TapView
from dialer.telephony.wav_file import WavFile

if TYPE_CHECKING:
    from dialer.telephony.leg import Leg

log = logging.getLogger(__name__)

READ_EVERY_S = 0.25  # the tap holds seconds


class Recorder(ABC):
    """What all recordings share: a task that reads the tap and has another thread write.

    Attributes:
        path: the WAV file, 8 kHz 16 bit; readable at any moment, complete after stop().
        fault: why nothing more is written, None while all is well. The calls go on.
    """

    def __init__(self, path: Path, channels: int, taps: TapView) -> None:
        self.path = path
        self.fault: OSError | None = None
        self._taps = taps
        self._file = WavFile(path, channels)
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    @property
    def samples(self) -> int:
        """Written so far, per channel."""
        return self._file.samples

    @abstractmethod
    def _collect(self, *, last: bool) -> NDArray[np.int16]:
        """Gives what is new, int16 [n, channels]; `last`: nothing will be asked for afterwards."""

    @abstractmethod
    def _gone(self) -> bool:
        """Whether there is nobody to be heard any more."""

    def run(self) -> Self:
        """Starts to write."""
        self._task = asyncio.create_task(self._run(), name=f"recording-{self.path.name}")
        return self

    def finish(self) -> None:
        """Has it write what is left and close the file, soon."""
        self._over.set()

    async def stop(self) -> None:
        """Writes what is left and closes the file. Safe to call again."""
        self.finish()
        if self._task is not None:
            task, self._task = self._task, None
            await asyncio.shield(task)

    async def _run(self) -> None:
        try:
            while not self._over.is_set() and not self._gone():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), READ_EVERY_S)
                await self._write(last=False)
            await self._write(last=True)
        finally:
            self._file.close()

    async def _write(self, *, last: bool) -> None:
        samples = self._collect(last=last)
        if self.fault is not None or not len(samples):
            return
        try:
            await asyncio.to_thread(self._file.write, samples)
        except OSError as fault:
            self.fault = fault
            log.warning("recording %s ends after %d samples: %s", self.path, self.samples, fault.strerror or fault)


class Recording(Recorder):
    """What one leg's far end says, to the sample as the detectors hear it.

    Attributes:
        lost: positions in the file of frames of 160 samples that were lost on the way.
    """

    def __init__(self, path: Path, taps: TapView, leg: Leg, *, from_start: bool = False) -> None:
        super().__init__(path, 1, taps)
        self.lost: list[int] = []
        self._leg = leg
        self._from_start = from_start
        self._cursor: int | None = None
        self._count = 0
        self._begin()

    def _gone(self) -> bool:
        return self._leg.ended.done()

    def _begin(self) -> None:
        """Finds where in the leg's row to begin, once it has one."""
        row = self._leg.facts.row
        if row is not None and self._cursor is None:
            self._cursor = self._taps.first(row) if self._from_start else self._taps.written(row)

    def _collect(self, *, last: bool) -> NDArray[np.int16]:  # noqa: ARG002
        self._begin()
        row = self._leg.facts.row
        if row is None or self._cursor is None or self._taps.start(row) != self._leg.facts.start:
            return np.empty(0, np.int16)  # no media yet, or the row is another leg's by now
        block = self._taps.take(np.array([row]), np.array([self._cursor]), self._taps.capacity // FRAME)
        self._cursor = int(block.cursors[0])
        found = block.samples[0, : int(block.counts[0])]
        frames = np.flatnonzero(block.flags[0, : len(found) // FRAME] == LOST)
        self.lost.extend(int(self._count + frame * FRAME) for frame in frames)
        self._count += len(found)
        return found
