"""Noise floor and activity of every channel, hop by hop.

The gate is relative: it follows the floor of the line and the peak of the talker, so a call at -39 dBm0 is heard like
one at -19. Digital silence and lost frames never move the floor.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.frontend import Bool, Field, Hop
from dialer.detection.level import SILENT_DBM0

Double = NDArray[np.float64]

_PARTS: Final = 6
_PART_HOPS: Final = 25  # 6 parts of 0.25 s: minimum statistics over 1.5 s
_SMOOTH: Final = 0.3
_BIAS_DB: Final = 2.0  # how far the minimum of the smoothed level lies under a steady noise's mean
_UNHEARD: Final = 0.0
_PRIOR_DBM0: Final = -38.0  # highest floor believed before 0.3 s were heard
_PRIOR_HOPS: Final = 30
_SINCE_DIGITAL: Final = 300  # for 3 s after digital silence no higher floor is believed: a tone is all there is
_ABOVE_FLOOR_DB: Final = 6.0
_BELOW_PEAK_DB: Final = 30.0
_LOWEST_GATE_DBM0: Final = -56.0
_PEAK_FALL_DB: Final = 0.05  # per hop: 5 dB a second
_HANG_HOPS: Final = 10


class Activity:
    """Fills in FLOOR, PEAK, `active` and `voice` of each hop.

    State is float64, so that `step_one`, the same arithmetic in plain numbers, gives the same to the bit: a recording
    heard alone would else spend its time calling numpy on arrays of one.

    Args:
        channels: rows of the bank.
    """

    def __init__(self, channels: int) -> None:
        self._minima = np.full((channels, _PARTS), _UNHEARD)
        self._minimum = np.full(channels, _UNHEARD)
        self._smooth = np.full(channels, _UNHEARD)
        self._peak = np.full(channels, SILENT_DBM0)
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
        self._peak[channel] = SILENT_DBM0
        self._heard[channel] = 0
        self._last[channel] = 0
        self._hang[channel] = 0
        self._since_digital[channel] = _SINCE_DIGITAL

    def step(self, hop: Hop) -> None:
        """Take one hop of the channels in it and fill in what is known of their activity."""
        level = hop[Field.LEVEL].astype(np.float64)
        heard = ~(hop.digital | hop.lost)
        talking = heard & ~hop.locked
        floor = self._track_floor(hop, level, talking)
        peak = np.maximum(self._peak[hop.channels] - _PEAK_FALL_DB, np.where(talking, level, SILENT_DBM0))
        self._peak[hop.channels] = peak
        gate = np.maximum(np.maximum(floor + _ABOVE_FLOOR_DB, peak - _BELOW_PEAK_DB), _LOWEST_GATE_DBM0)
        hop.active[:] = heard & (level > gate)
        hop.values[Field.FLOOR] = floor
        hop.values[Field.PEAK] = peak
        hop.voice[:] = self._smooth_activity(hop)

    def step_one(self, hop: Hop, channel: int, level: float) -> None:
        """Take a hop of one channel; the same as `step`."""
        digital, lost, locked = bool(hop.digital[0]), bool(hop.lost[0]), bool(hop.locked[0])
        heard = not (digital or lost)
        floor = self._track_floor_one(channel, level, heard and not locked, digital)
        peak = max(float(self._peak[channel]) - _PEAK_FALL_DB, level if heard and not locked else SILENT_DBM0)
        self._peak[channel] = peak
        active = heard and level > max(floor + _ABOVE_FLOOR_DB, peak - _BELOW_PEAK_DB, _LOWEST_GATE_DBM0)
        hop.active[0] = active
        hop.values[Field.FLOOR, 0] = floor
        hop.values[Field.PEAK, 0] = peak
        on = active and not locked
        last = int(self._last[channel])
        if not lost:
            last = ((last << 1) | on) & 0x1F
            self._last[channel] = last
        hang = int(self._hang[channel])
        hang = _HANG_HOPS if last.bit_count() >= 3 or (on and hang > 0) else hang - (not lost and hang > 0)
        hang = 0 if locked else hang
        self._hang[channel] = hang
        hop.voice[0] = hang > 0

    def _track_floor_one(self, channel: int, level: float, heard: bool, digital: bool) -> float:
        """Follow the floor of one channel; the same as `_track_floor`."""
        minimum, count = float(self._minimum[channel]), int(self._heard[channel])
        if heard:
            smooth = float(self._smooth[channel])
            smooth = level if count == 0 else smooth + _SMOOTH * (level - smooth)
            minimum = min(minimum, smooth)
            count += 1
            if count % _PART_HOPS == 0:
                self._minima[channel, (count // _PART_HOPS) % _PARTS] = minimum
                minimum = smooth
            self._smooth[channel], self._minimum[channel], self._heard[channel] = smooth, minimum, count
        floor: float = min(*self._minima[channel].tolist(), minimum) + _BIAS_DB
        since = 0 if digital else min(int(self._since_digital[channel]) + 1, _SINCE_DIGITAL)
        self._since_digital[channel] = since
        return min(floor, _PRIOR_DBM0) if count < _PRIOR_HOPS or since < _SINCE_DIGITAL else floor

    def _track_floor(self, hop: Hop, level: Double, heard: Bool) -> Double:
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
        believed: Double = np.where(unsure, np.minimum(floor, _PRIOR_DBM0), floor)
        return believed

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
