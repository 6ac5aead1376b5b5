"""Records what a leg's far end says, from the tap: nothing is added to the media path."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.telephony.tap import RATE, TapView

if TYPE_CHECKING:
    from dialer.telephony.leg import Leg

READ_EVERY_S = 0.25  # the tap holds seconds


class Recording:
    """A recording that runs.

    Attributes:
        path: the WAV file, 8 kHz mono 16 bit; complete after stop().
        samples: written so far.
    """

    def __init__(self, path: Path, taps: TapView, leg: Leg) -> None:
        self.path = path
        self.samples = 0
        self._taps = taps
        self._leg = leg
        self._cursor: int | None = None
        self._row: int | None = None
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - open until stop()
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, path: Path, taps: TapView, leg: Leg) -> Recording:
        """Opens the file and starts to write."""
        recording = cls(path, taps, leg)
        recording._read()
        recording._task = asyncio.create_task(recording._run(), name=f"recording-{leg.id}")
        return recording

    async def stop(self) -> None:
        """Writes what is left and closes the file. Safe to call again."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._read()
        self._file.close()

    async def _run(self) -> None:
        while not self._leg.ended.done():
            await asyncio.wait({self._leg.ended}, timeout=READ_EVERY_S)
            self._read()

    def _read(self) -> None:
        if self._row is None:
            self._row = self._leg.facts.row
            if self._row is None:
                return
            self._cursor = self._leg.facts.start if self._leg.end else self._taps.written(self._row)
        assert self._cursor is not None
        heard = self._taps.read(self._row, self._cursor)
        self._cursor += len(heard)
        self.samples += len(heard)
        self._file.writeframes(heard.tobytes())
