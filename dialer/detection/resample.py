"""From 16 to 8 kHz: one half-band filter with its state carried.

So that every detector hears the same at both rates.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_TAPS: Final = 63
_MIDDLE: Final = _TAPS // 2


def _half_band() -> NDArray[np.float32]:
    """Give the taps at odd distances from the middle (the even ones are zero, the middle one is a half).

    One side, [16].
    """
    distance = np.arange(1, _MIDDLE + 1, 2)
    ideal = np.sin(np.pi * distance / 2) / (np.pi * distance)
    window = np.kaiser(_TAPS, 7.0)[_MIDDLE + distance]
    side = ideal * window
    taps: NDArray[np.float32] = (side * (0.25 / side.sum())).astype(np.float32)
    return taps


_SIDE: Final = _half_band()


class Halver:
    """Halves the rate of every channel's samples.

    The filter delays by 31 samples at 16 kHz (2 ms). Sums are formed tap by tap in a fixed order, so results do not
    depend on how the samples were cut nor on the other channels.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._tail = np.zeros((channels, _TAPS - 1), np.int16)
        self._odd = np.zeros(channels, np.intp)  # 1: the next sample falls between two that are kept

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return self._tail.nbytes + self._odd.nbytes

    def reset(self, channel: int) -> None:
        """Forget what this channel heard."""
        self._tail[channel] = 0
        self._odd[channel] = 0

    def feed(
        self, channels: NDArray[np.intp], samples: NDArray[np.int16], counts: NDArray[np.intp],
        lost: NDArray[np.bool_] | None,
    ) -> tuple[NDArray[np.int16], NDArray[np.intp], NDArray[np.bool_] | None]:  # fmt: skip
        """Give samples at 8 kHz, int16 [k, n // 2 + 1], how many of each row count, and which are lost."""
        n = samples.shape[1]
        wide = np.concatenate((self._tail[channels], samples), axis=1)
        odd = self._odd[channels]
        kept = (counts - odd + 1) // 2
        out = np.zeros((len(channels), n // 2 + 1), np.int16)
        gone = None if lost is None else np.zeros(out.shape, np.bool_)
        for phase in (0, 1):
            rows = np.flatnonzero(odd == phase)
            if len(rows) == 0:
                continue
            most = (n - phase + 1) // 2
            out[rows, :most] = _filter(wide[rows, phase:].astype(np.float32), most)
            if gone is not None and lost is not None:
                gone[rows, :most] = lost[rows, phase::2][:, :most]
        ends = counts[:, None] + np.arange(_TAPS - 1)
        self._tail[channels] = np.take_along_axis(wide, ends, axis=1)
        self._odd[channels] = (odd + counts) % 2
        return out, np.maximum(kept, 0), gone


def _filter(wide: NDArray[np.float32], most: int) -> NDArray[np.int16]:
    """Filter and keep every second sample: float32 [k, 62 + n] -> int16 [k, most]."""
    stop = 2 * most - 1
    total = wide[:, _MIDDLE : _MIDDLE + stop : 2] * np.float32(0.5)
    for side, weight in enumerate(_SIDE):
        distance = 2 * side + 1
        before = wide[:, _MIDDLE - distance : _MIDDLE - distance + stop : 2]
        after = wide[:, _MIDDLE + distance : _MIDDLE + distance + stop : 2]
        total += (before + after) * weight
    halved: NDArray[np.int16] = np.rint(np.clip(total, -32768, 32767)).astype(np.int16)
    return halved
