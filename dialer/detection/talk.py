"""Where a voice begins and ends: activity confirmed by what a tone cannot do.

Each voiced hop gives points, fewer when it is like a tone (which is known for one 140 ms later); enough of them in
one stretch of activity make a voice. What began it is looked up, so the start is that of the sound, not of its
recognition.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Bool, Field, Hop, Int

_POINTS: Final = 3
_CONFIRM_POINTS: Final = 18
_BACK_HOPS: Final = 4
_VOICED: Final = 0.5
_HIGH: Final = 0.7
_TWO_PEAKS: Final = 0.93


class TalkListener:
    """Follows voice on all channels.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self.talking = np.zeros(channels, np.bool_)
        self.last = np.zeros(channels, np.int64)  # hop of the last voice
        self.begun = np.zeros(channels, np.int64)  # hop where the present stretch of activity began
        self.murmur = np.zeros(channels, np.int32)  # all points since the reset, never taken back
        self._active = np.zeros(channels, np.bool_)
        self._points = np.zeros(channels, np.int32)

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return sum(a.nbytes for a in vars(self).values())

    def reset(self, channel: int) -> None:
        """Forget what this channel heard; its clock starts at zero."""
        self._active[channel] = False
        self.last[channel] = 0
        self.restart(channel, 0)

    def restart(self, channel: int, hop: int) -> None:
        """Count voice anew from this hop on."""
        self.talking[channel] = False
        self.begun[channel] = hop
        self.murmur[channel] = self._points[channel] = 0

    def was_tone(self, channel: int) -> None:
        """Take back the points of what turned out to be a tone."""
        self._points[channel] = 0

    def step(self, hop: Hop, like_tone: Bool, doubted: Bool) -> tuple[Int, Int]:
        """Take one hop; give the columns where a voice was confirmed, and those where one has ended.

        Args:
            hop: the hop.
            like_tone: [k] the hop looks like a tone.
            doubted: [k] what sounds may yet turn out to be a tone: nothing is confirmed.
        """
        now = hop.channels
        voice = hop.voice
        fresh = np.flatnonzero(voice & ~self._active[now])
        if len(fresh):
            rows = now[fresh]
            self._points[rows] = 0
            self.begun[rows] = np.maximum(self.begun[rows], hop.index[fresh] - _BACK_HOPS)
        self._active[now] = voice
        points = _voiced_points(hop, like_tone)
        sum_ = np.where(hop.locked, 0, self._points[now] + points)
        self._points[now] = sum_
        self.murmur[now] += points
        talking = self.talking[now]
        self.last[now] = np.where(hop.active & voice & talking, hop.index, self.last[now])
        starts = voice & ~talking & ~doubted & (sum_ >= _CONFIRM_POINTS)
        ends = talking & ~voice
        return self._turn(now, hop.index, np.flatnonzero(starts), np.flatnonzero(ends))

    def step_one(
        self, hop: Hop, values: list[float], channel: int, like_tone: bool, doubted: bool
    ) -> tuple[bool, bool]:
        """Take a hop of one channel; the same as `step`."""
        voice, talking, index = bool(hop.voice[0]), bool(self.talking[channel]), int(hop.index[0])
        if voice and not self._active[channel]:
            self._points[channel] = 0
            self.begun[channel] = max(int(self.begun[channel]), index - _BACK_HOPS)
        self._active[channel] = voice
        points = _points_one(hop, values, like_tone=like_tone) if voice and hop.active[0] else 0
        sum_ = 0 if hop.locked[0] else int(self._points[channel]) + points
        self._points[channel] = sum_
        self.murmur[channel] += points
        if voice and talking and hop.active[0]:
            self.last[channel] = index
        starts = voice and not talking and not doubted and sum_ >= _CONFIRM_POINTS
        if starts:
            self.talking[channel], self.last[channel] = True, index
        elif talking and not voice:
            self.talking[channel], self.begun[channel] = False, index
            return False, True
        return starts, False

    def _turn(self, now: Int, index: NDArray[np.int64], starts: Int, ends: Int) -> tuple[Int, Int]:
        """Note who has begun and who has ended."""
        if len(starts):
            self.talking[now[starts]] = True
            self.last[now[starts]] = index[starts]
        if len(ends):
            self.talking[now[ends]] = False
            self.begun[now[ends]] = index[ends]
        return starts, ends


def _voiced_points(hop: Hop, like_tone: Bool) -> NDArray[np.int32]:
    """Say how much each hop speaks for a voice."""
    voiced = (
        hop.voice
        & hop.active
        & ~hop.tainted
        & (hop[Field.VOICING] >= _VOICED)
        & (hop[Field.HIGH].astype(np.float64) < _HIGH)
    )
    tone = like_tone | (hop[Field.P1].astype(np.float64) + hop[Field.P2] > _TWO_PEAKS)
    points: NDArray[np.int32] = np.where(voiced, np.where(tone, 1, _POINTS), 0).astype(np.int32)
    return points


def _points_one(hop: Hop, values: list[float], *, like_tone: bool) -> int:
    """Say how much a hop of one channel that is active speaks for a voice."""
    if hop.tainted[0] or values[Field.VOICING] < _VOICED or values[Field.HIGH] >= _HIGH:
        return 0
    return 1 if like_tone or values[Field.P1] + values[Field.P2] > _TWO_PEAKS else _POINTS
