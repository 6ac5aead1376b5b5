"""DTMF digits: two tones, one of each group, for 30 ms.

Source: ITU-T Q.23, Q.24: 697/770/852/941 and 1209/1336/1477/1633 Hz, +-1.5 % accepted, twist up to 8 dB, 40 ms at
least.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Field, Hop

_LOW: Final = np.array([697.0, 770.0, 852.0, 941.0], np.float32)
_HIGH: Final = np.array([1209.0, 1336.0, 1477.0, 1633.0], np.float32)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")
_SHARE: Final = np.float32(0.85)
_WEAKER: Final = np.float32(0.1)  # share of the weaker tone in the stronger's: 10 dB of twist
_TOLERANCE: Final = np.float32(0.022)
_HOPS: Final = 3


class DigitListener:
    """Hears DTMF digits on all channels.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._key = np.full(channels, -1, np.int16)
        self._hops = np.zeros(channels, np.int16)

    def reset(self, channel: int) -> None:
        """Forget what this channel heard."""
        self._key[channel] = -1
        self._hops[channel] = 0

    def concerned(self, channel: int, first_hz: float, second_hz: float) -> bool:
        """Tell whether a hop with these two peaks can change anything on a channel."""
        low, high = min(first_hz, second_hz), max(first_hz, second_hz)
        return bool(self._hops[channel] or self._key[channel] >= 0) or (680 < low < 965 and 1180 < high < 1670)

    def step(self, hop: Hop) -> list[tuple[int, str]]:
        """Take one hop; give the columns where a digit has just been recognised, and which."""
        first, second = hop[Field.F1], hop[Field.F2]
        low, high = np.minimum(first, second), np.maximum(first, second)
        likely = (low > 680) & (low < 965) & (high > 1180) & (high < 1670)
        likely &= hop[Field.P1] + hop[Field.P2] > _SHARE
        now = hop.channels
        if not likely.any():
            self._hops[now] = 0
            self._key[now] = -1
            return []
        columns = np.flatnonzero(likely & (hop[Field.P2] > _WEAKER * hop[Field.P1]))
        keys = np.full(len(now), -1, np.int16)
        keys[columns] = _keys(low[columns], high[columns])
        same = (keys == self._key[now]) & (keys >= 0)
        hops = np.where(same, self._hops[now] + 1, (keys >= 0).astype(np.int16))
        self._key[now], self._hops[now] = keys, np.minimum(hops, 1000)
        heard = np.flatnonzero(hops == _HOPS)
        return [(int(c), _KEYS[int(keys[c]) // 4][int(keys[c]) % 4]) for c in heard]


def _keys(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.int16]:
    """Give 4 * row + column of each pair of frequencies, or -1."""
    off_low, off_high = np.abs(low[:, None] / _LOW - 1), np.abs(high[:, None] / _HIGH - 1)
    row, column = off_low.argmin(axis=1), off_high.argmin(axis=1)
    near = (off_low.min(axis=1) < _TOLERANCE) & (off_high.min(axis=1) < _TOLERANCE)
    return np.where(near, 4 * row + column, -1).astype(np.int16)
