"""Feeds the tone and burst trackers, only of channels where a tone sounds or a run is open.

What a hop looks like, tonal or call progress, is weighed against the line's noise floor in plain sums and a table, so
that one channel alone gives the same as a thousand.
"""

from typing import Final

import numpy as np

from dialer.detection import fax
from dialer.detection.cadence import resolve
from dialer.detection.channel import Channel
from dialer.detection.frontend import Bool, Field, Hop, Int

_BURST_LOOK: Final = 6  # age of a burst at which the pause before it is held against the patterns
_LONG_BURST: Final = 160  # from here on a burst may be a tone without pause
_BURST_AGAIN: Final = 32
_DOUBTED_HOPS: Final = 9
_TONAL: Final = 0.75
_CALL: Final = 0.85
_CALL_ABOVE_DB: Final = 4.0
_PURE: Final = 0.9  # share of two peaks that no noise has: the line may open within a tone, which then is all its floor
_STEPS: Final = 16  # of the table, a decibel
_RANGE_DB: Final = 30
_SHARES: Final = np.minimum(10 ** (-np.arange(_RANGE_DB * _STEPS + 1) / (10 * _STEPS)), 0.5)
_SHARE_LIST: Final = _SHARES.tolist()
_MOST_NOISE: Final = 0.2  # share of noise that is taken out of a purity


class Follower:
    """Keeps which channels are followed, and feeds them.

    Args:
        channels: rows of the bank.
        states: the bank's open channels, shared.
    """

    def __init__(self, channels: int, states: list[Channel | None]) -> None:
        self._states = states
        self.followed = np.zeros(channels, np.bool_)  # a run or burst is open
        self.locked = np.zeros(channels, np.bool_)  # a steady tone is sounding
        self.doubted = np.zeros(channels, np.bool_)  # what sounds may yet turn out to be a tone

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return self.followed.nbytes + self.locked.nbytes + self.doubted.nbytes

    def reset(self, channel: int) -> None:
        """Follow nothing on this channel."""
        for flags in (self.followed, self.locked, self.doubted):
            flags[channel] = False

    def step(self, hop: Hop, held: Bool) -> tuple[Bool, list[int], list[int]]:
        """Take one hop.

        Args:
            hop: the hop.
            held: [k] the hop is lost, or looks so.

        Returns:
            Which columns look like a tone, the channels where something ended, and those where what ended was surely
            no voice.
        """
        above = hop[Field.BAND].astype(np.float64) - hop[Field.FLOOR]
        clean = 1.0 - _SHARES[np.clip(np.floor(above * _STEPS), 0, _RANGE_DB * _STEPS).astype(np.intp)]
        fit = hop.analysed & ~hop.lost
        tonal = fit & (hop[Field.P1] >= _TONAL * clean)
        peaks = hop[Field.P1].astype(np.float64) + hop[Field.P2]
        call = fit & (hop[Field.CALL] >= _CALL * clean) & ((above > _CALL_ABOVE_DB) | (peaks >= _PURE))
        like_tone = tonal | call
        columns = np.flatnonzero(like_tone | self.followed[hop.channels])
        ended: list[int] = []
        tones: list[int] = []
        wanting: list[int] = []
        pure = np.minimum(hop[Field.P1][columns] / np.maximum(clean[columns], 1 - _MOST_NOISE), 1.0)
        for column, purity, is_tone, is_call, is_held in zip(
            columns.tolist(),
            pure.tolist(),
            tonal[columns].tolist(),
            call[columns].tolist(),
            held[columns].tolist(),
            strict=True,
        ):
            self._feed(hop, column, purity, is_tone, is_call, is_held, ended, tones, wanting)
        if wanting:
            self._measure(hop, np.array(wanting))
        return like_tone, ended, tones

    def step_one(self, hop: Hop, values: list[float], held: bool) -> tuple[bool, list[int], list[int]]:
        """Take a hop of one channel, its features as numbers; the same as `step`."""
        above = values[Field.BAND] - float(hop.values[Field.FLOOR, 0])
        clean = 1.0 - _SHARE_LIST[min(max(int(above * _STEPS // 1), 0), _RANGE_DB * _STEPS)]
        fit = bool(hop.analysed[0]) and not hop.lost[0]
        tonal = fit and values[Field.P1] >= _TONAL * clean
        pure = values[Field.P1] + values[Field.P2] >= _PURE
        call = fit and values[Field.CALL] >= _CALL * clean and (above > _CALL_ABOVE_DB or pure)
        ended: list[int] = []
        tones: list[int] = []
        if tonal or call or self.followed[hop.channels[0]]:
            wanting: list[int] = []
            purity = min(values[Field.P1] / max(clean, 1 - _MOST_NOISE), 1.0)
            self._feed(hop, 0, purity, tonal, call, held, ended, tones, wanting)
            if wanting:
                self._measure(hop, np.array(wanting))
        return tonal or call, ended, tones

    def _feed(
        self, hop: Hop, column: int, purity: float, is_tone: bool, is_call: bool, is_held: bool, ended: list[int],
        tones: list[int], wanting: list[int],
    ) -> None:  # fmt: skip
        """Feed one channel's trackers."""
        channel, index = int(hop.channels[column]), int(hop.index[column])
        state = self._states[channel]
        if state is None or not state.listening(index):
            self.reset(channel)
            return
        run, burst = state.tone, state.burst
        level, band, freq = hop.values[:3, column].tolist()  # LEVEL, BAND, F1
        if is_tone or run.hops:
            segment = run.update(index, is_tone, freq, band, purity, level, is_held, hop, column)
            if segment is not None:
                ended.append(channel)
                if state.take_segment(segment, index):
                    tones.append(channel)
            if run.hops >= fax.ANSWER_HOPS:
                state.take_answer_tone(index)
        if is_call or burst.hops:
            if _feed_burst(state, index, is_call, band, freq, is_held):
                ended.append(channel)
            if burst.wants_measure:
                wanting.append(column)
        steady = run.steady
        if steady:
            state.last_sound = index
        self.followed[channel] = run.hops or burst.hops
        self.doubted[channel] = run.hops >= _DOUBTED_HOPS
        self.locked[channel] = steady or state.knows_burst

    def _measure(self, hop: Hop, columns: Int) -> None:
        """Look at the call progress bands of these columns through the long window."""
        for channel, found in zip(hop.channels[columns].tolist(), resolve(hop.recent(columns)).tolist(), strict=True):
            state = self._states[channel]
            if state is not None:
                state.measure_burst(found)
                self.locked[channel] |= state.knows_burst


def _feed_burst(state: Channel, index: int, is_call: bool, band: float, freq: float, is_held: bool) -> bool:
    """Feed one channel's burst tracker; tell whether a burst has ended."""
    burst = state.burst
    over = burst.update(index, is_call, band, freq, is_held)
    if over is not None:
        state.take_burst(over, index)
        return True
    begun = burst.hops == _BURST_LOOK and state.holds_bursts
    if begun or (burst.hops >= _LONG_BURST and burst.hops % _BURST_AGAIN == 0):
        state.check_cadence(index)
    return False
