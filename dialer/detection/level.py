"""Level scales: from 16-bit samples to dBm0 and back.

Source: ITU-T G.711 (a sine at 0 dBm0 peaks 3.14 dB below full scale in A-law), so that 0 dBm0 = -6.15 dBov.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 8000
"""Every detector works at this rate; 16 kHz input is halved first."""

HOP: Final = 80
"""Samples in one hop: 10 ms."""

HOP_S: Final = HOP / RATE_HZ

DBM0_OF_DBOV: Final = 6.15
"""What is added to dBov (power of a full-scale square wave = 0) to give dBm0."""

SILENT_DBM0: Final = -96.0
"""The level given to digital silence; nothing a line carries lies below it."""

_FULL_SCALE_POWER: Final = 32768.0**2


def dbm0(mean_square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the level in dBm0 of mean squares of 16-bit samples, not below `SILENT_DBM0`."""
    floor = np.float32(_FULL_SCALE_POWER * 10 ** ((SILENT_DBM0 - DBM0_OF_DBOV) / 10))
    scaled = np.maximum(np.ascontiguousarray(mean_square, dtype=np.float32), floor)
    level = np.log10(scaled)
    level *= np.float32(10.0)
    level += np.float32(DBM0_OF_DBOV - 10 * np.log10(_FULL_SCALE_POWER))
    result: NDArray[np.float32] = level
    return result


def mean_square(level_dbm0: float) -> float:
    """Give the mean square of 16-bit samples that have this level."""
    return float(_FULL_SCALE_POWER * 10 ** ((level_dbm0 - DBM0_OF_DBOV) / 10))
