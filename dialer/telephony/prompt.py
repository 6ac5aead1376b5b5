"""Sound files in memory, ready to be played: decoded once per file, shared by all legs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.errors import UnplayableSound
from dialer.telephony.wav import RATE, read_wav

CACHED_SAMPLES = 60 * 60 * RATE  # an hour of sound, 58 MB


class PromptCache:
    """Keeps decoded files, newest use last; a file that changed is read again. Any thread.

    Args:
        make: builds the library's own object from int16 [n].
    """

    def __init__(self, make: Callable[[NDArray[np.int16]], Any]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], tuple[Any, int]] = OrderedDict()
        self._samples = 0

    def known(self, path: Path) -> tuple[Any, int] | None:
        """Gives the prompt and its length in samples when the file as it is now is kept; reads nothing but its date.

        Raises:
            UnplayableSound: when there is no such file.
        """
        key = _key(path)
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def get(self, path: Path) -> tuple[Any, int]:
        """Gives the prompt and its length in samples, read from the file when it is not known.

        Raises:
            UnplayableSound: as read_wav.
        """
        found = self.known(path)
        if found is not None:
            return found
        key = _key(path)
        samples = read_wav(path)
        entry = (self._make(samples), len(samples))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = entry
                self._samples += len(samples)
            while self._samples > CACHED_SAMPLES and len(self._kept) > 1:
                self._samples -= self._kept.popitem(last=False)[1][1]
        return entry


def _key(path: Path) -> tuple[str, int, int]:
    """What tells a file from a later one of the same name."""
    try:
        stat = path.stat()
    except OSError as fault:
        raise UnplayableSound(path, fault.strerror or str(fault)) from fault
    return str(path), stat.st_mtime_ns, stat.st_size
