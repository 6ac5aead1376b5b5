"""Noise floor and activity of every channel, hop by hop.

The gate is relative: it follows the floor of the line and the peak of the talker, so a call at -39 dBm0 is heard like
one at -19. Digital silence and lost frames never move the floor.
"""

from typing import Final

import numpy as np

from dialer.detection.frontend import Bool, Field, Float, Hop

_PARTS: Final = 6
_PART_HOPS: Final = 25  # 6 parts of 0.25 s: minimum statistics over 1.5 s
_SMOOTH: Final = np.float32(0.3)
_BIAS_DB: Final = np.float32(2.0)  # how far the minimum of the smoothed level lies under a steady noise's mean
_UNHEARD: Final = np.float32(0.0)
_PRIOR_DBM0: Final = np.float32(-38.0)  # highest floor believed before 0.3 s were heard
_PRIOR_HOPS: Final = 30
_SINCE_DIGITAL: Final = 300  # for 3 s after digital silence no higher floor is believed: a tone is all there is
_ABOVE_FLOOR_DB: Final = np.float32(6.0)
_BELOW_PEAK_DB: Final = np.float32(30.0)
_LOWEST_GATE_DBM0: Final = np.float32(-56.0)
_PEAK_FALL_DB: Final = np.float32(0.05)  # per hop: 5 dB a second
_HANG_HOPS: Final = 10


class Activity:
    """Fills in FLOOR, PEAK, `active` and `voice` of each hop.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._minima = np.full((channels, _PARTS), _UNHEARD, np.float32)
        self._minimum = np.full(channels, _UNHEARD, np.float32)
        self._smooth = np.full(channels, _UNHEARD, np.float32)
        self._peak = np.full(channels, -96.0, np.float32)
        self._heard = np.zeros(channels, np.int32)
        self._last = np.zeros(channels, np.uint8)  # the last five hops, one bit each
        self._hang = np.zeros(channels, np.int16)
        self._since_digital = np.full(channels, _SINCE_DIGITAL, np.int16)

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        parts = (self._minima, self._minimum, self._smooth, self._peak, self._heard, self._last, self._hang)
        return sum(a.nbytes for a in parts) + self._since_digital.nbytes

    def reset(self, channel: int) -> None:
        """Forget the line and the talker of this channel."""
        self._minima[channel] = _UNHEARD
        self._minimum[channel] = _UNHEARD
        self._smooth[channel] = _UNHEARD
        self._peak[channel] = -96.0
        self._heard[channel] = 0
        self._last[channel] = 0
        self._hang[channel] = 0
        self._since_digital[channel] = _SINCE_DIGITAL

    def step(self, hop: Hop) -> None:
        """Take one hop of the channels in it and fill in what is known of their activity."""
        level = hop[Field.LEVEL]
        heard = ~(hop.digital | hop.lost)
        floor = self._track_floor(hop, level, heard & ~hop.locked)
        talking = heard & ~hop.locked
        peak = np.maximum(self._peak[hop.channels] - _PEAK_FALL_DB, np.where(talking, level, np.float32(-96.0)))
        self._peak[hop.channels] = peak
        gate = np.maximum(np.maximum(floor + _ABOVE_FLOOR_DB, peak - _BELOW_PEAK_DB), _LOWEST_GATE_DBM0)
        hop.active[:] = heard & (level > gate)
        hop.values[Field.FLOOR] = floor
        hop.values[Field.PEAK] = peak
        hop.voice[:] = self._smooth_activity(hop)

    def _track_floor(self, hop: Hop, level: Float, heard: Bool) -> Float:
        """Follow the minimum of the smoothed level over 1.5 s of sound that is neither lost nor digital silence."""
        now = hop.channels
        smooth, minimum, count = self._smooth[now], self._minimum[now], self._heard[now]
        smooth = np.where(heard, np.where(count == 0, level, smooth + _SMOOTH * (level - smooth)), smooth)
        minimum = np.where(heard, np.minimum(minimum, smooth), minimum)
        count = count + heard
        turn = np.flatnonzero(heard & (count % _PART_HOPS == 0))
        if len(turn):
            rows = now[turn]
            self._minima[rows, (count[turn] // _PART_HOPS) % _PARTS] = minimum[turn]
            minimum[turn] = smooth[turn]
        self._smooth[now], self._minimum[now], self._heard[now] = smooth, minimum, count
        floor = np.minimum(self._minima[now].min(axis=1), minimum) + _BIAS_DB
        since = np.minimum(np.where(hop.digital, 0, self._since_digital[now] + 1), _SINCE_DIGITAL).astype(np.int16)
        self._since_digital[now] = since
        unsure = (count < _PRIOR_HOPS) | (since < _SINCE_DIGITAL)  # a tone between zeros is no floor
        return np.where(unsure, np.minimum(floor, _PRIOR_DBM0), floor)

    def _smooth_activity(self, hop: Hop) -> Bool:
        """Voice is on after 3 active hops in 5 that are no tone, and off 100 ms after the last."""
        now = hop.channels
        on = hop.active & ~hop.locked
        last = ((self._last[now] << 1) | on) & np.uint8(0x1F)
        last = np.where(hop.lost, self._last[now], last)
        self._last[now] = last
        hang = self._hang[now]
        begun = np.bitwise_count(last) >= 3
        hang = np.where(begun | (on & (hang > 0)), _HANG_HOPS, hang - (~hop.lost & (hang > 0))).astype(np.int16)
        hang[hop.locked] = 0
        self._hang[now] = hang
        return hang > 0
