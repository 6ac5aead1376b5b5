"""Writes a WAV file that can be read at any moment: what is there after a killed process or a full disk is complete.

The header is written again after each piece of sound, so it never names more than there is.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.tap import RATE

HEADER_BYTES = 44
SAMPLE_BYTES = 2
MOST_BYTES = 2**32 - HEADER_BYTES - 1
"""A RIFF file counts its bytes in 32 bit; at 8 kHz stereo that is 37 hours."""


class WavFile:
    """A file of int16 at 8 kHz that grows. Any one thread at a time may use it.

    Args:
        path: its folder is made when it is not there; only the owner may read the file.
        channels: samples of one moment.

    Raises:
        OSError: when it cannot be made.
    """

    def __init__(self, path: Path, channels: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.channels = channels
        self.samples = 0
        self._bytes = 0
        self._file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._write_header()

    def write(self, samples: NDArray[np.int16]) -> None:
        """Appends int16 [n, channels], or [n] when there is one channel.

        Raises:
            OSError: when the disk is full or gone; what was written before stays readable.
        """
        data = samples.astype("<i2", copy=False).tobytes()
        if not data or self._bytes + len(data) > MOST_BYTES:
            return
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], HEADER_BYTES + self._bytes + written)
        self._bytes += len(data)
        self.samples += len(data) // (SAMPLE_BYTES * self.channels)
        self._write_header()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _write_header(self) -> None:
        frame = SAMPLE_BYTES * self.channels
        header = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", HEADER_BYTES - 8 + self._bytes, b"WAVE",
            b"fmt ", 16, 1, self.channels, RATE, RATE * frame, frame, 8 * SAMPLE_BYTES,
            b"data", self._bytes,
        )  # fmt: skip
        os.pwrite(self._file, header, 0)
