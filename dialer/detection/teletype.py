"""Text telephones: 1400 and 1800 Hz in turns at 45.45 or 50 bit/s.

Source: ITU-T V.18 Annex A (EDT/Baudot: mark 1400 Hz, space 1800 Hz). The same frequencies are the second and third
segments of special information tones, which stand for 274 ms and more; a text telephone changes every 20 to 150 ms.
"""

from typing import Final

import numpy as np

from dialer.detection.frontend import Field, Hop

_MARK_HZ: Final = 1400.0
_SPACE_HZ: Final = 1800.0
_WIDTH_HZ: Final = 60.0
_SHARE: Final = np.float32(0.6)
_HOPS: Final = 40
_TURNS: Final = 6


class TeletypeListener:
    """Hears text telephones on all channels.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._hops = np.zeros(channels, np.int16)
        self._turns = np.zeros(channels, np.int16)
        self._mark = np.zeros(channels, np.bool_)
        self._told = np.zeros(channels, np.bool_)

    def reset(self, channel: int) -> None:
        """Forget what this channel heard."""
        for state in (self._hops, self._turns, self._mark, self._told):
            state[channel] = 0

    def concerned(self, channel: int, freq_hz: float) -> bool:
        """Tell whether a hop with this peak can change anything on a channel."""
        near = abs(freq_hz - _MARK_HZ) < _WIDTH_HZ or abs(freq_hz - _SPACE_HZ) < _WIDTH_HZ
        return near or bool(self._hops[channel] > 0 or self._turns[channel])

    def step(self, hop: Hop) -> list[int]:
        """Take one hop; give the columns where a text telephone has just been recognised."""
        now = hop.channels
        f1 = hop[Field.F1]
        mark = np.abs(f1 - _MARK_HZ) < _WIDTH_HZ
        on = (mark | (np.abs(f1 - _SPACE_HZ) < _WIDTH_HZ)) & (hop[Field.P1] + hop[Field.P2] > _SHARE) & hop.analysed
        hops = self._hops[now]
        if not on.any() and not hops.any():
            return []
        turned = on & (mark != self._mark[now]) & (hops > 0)
        self._turns[now] = np.where(on, self._turns[now] + turned, np.where(hops <= 0, 0, self._turns[now]))
        hops = np.clip(np.where(on, hops + 1, hops - 2), 0, 2000).astype(np.int16)
        self._hops[now] = hops
        self._mark[now] = np.where(on, mark, self._mark[now])
        heard = (hops >= _HOPS) & (self._turns[now] >= _TURNS) & ~self._told[now]
        self._told[now] |= heard
        return np.flatnonzero(heard).tolist()
