"""Feeds the tone and burst trackers, only of channels where a tone sounds or a run is open.

What a hop looks like, tonal or call progress, is weighed against the line's noise floor in plain sums and a table, so
that one channel alone gives the same as a thousand.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from dialer.detection import fax
from dialer.detection.cadence import MEASURE_HOPS, resolve
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

_FIRST: Final = np.array([0], np.intp)
_Heard = tuple[float, bool, bool, bool, float, float, float]  # purity, tonal, call, held, F1, BAND, LEVEL


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
        if len(columns) == 0:
            return like_tone, [], []
        pure = np.minimum(hop[Field.P1][columns] / np.maximum(clean[columns], 1 - _MOST_NOISE), 1.0)
        what = (tonal, call, held, hop[Field.F1], hop[Field.BAND], hop[Field.LEVEL])
        heard = zip(pure.tolist(), *(part[columns].tolist() for part in what), strict=True)
        return like_tone, *self._feed_all(hop, columns, heard)

    def step_one(self, hop: Hop, values: list[float], held: bool) -> tuple[bool, list[int], list[int]]:
        """Take a hop of one channel, its features as numbers; the same as `step`."""
        above = values[Field.BAND] - float(hop.values[Field.FLOOR, 0])
        clean = 1.0 - _SHARE_LIST[min(max(int(above * _STEPS // 1), 0), _RANGE_DB * _STEPS)]
        fit = bool(hop.analysed[0]) and not hop.lost[0]
        tonal = fit and values[Field.P1] >= _TONAL * clean
        pure = values[Field.P1] + values[Field.P2] >= _PURE
        call = fit and values[Field.CALL] >= _CALL * clean and (above > _CALL_ABOVE_DB or pure)
        if not (tonal or call or self.followed[hop.channels[0]]):
            return False, [], []
        purity = min(values[Field.P1] / max(clean, 1 - _MOST_NOISE), 1.0)
        heard = (purity, tonal, call, held, values[Field.F1], values[Field.BAND], values[Field.LEVEL])
        return tonal or call, *self._feed_all(hop, _FIRST, (heard,))

    def _feed_all(self, hop: Hop, columns: Int, heard: Iterable[_Heard]) -> tuple[list[int], list[int]]:
        """Feed the trackers of some columns; give the channels where something ended, and where it was no voice."""
        channels = hop.channels[columns]
        flags: list[tuple[bool, bool, bool]] = []
        ended: list[int] = []
        tones: list[int] = []
        wanting: list[int] = []
        places = zip(columns.tolist(), channels.tolist(), hop.index[columns].tolist(), strict=True)
        for (column, channel, index), what in zip(places, heard, strict=True):
            state = self._states[channel]
            if state is None or not state.listening(index):
                flags.append((False, False, False))
                continue
            over, no_voice = _feed(state, hop, column, index, what)
            if over:
                ended.append(channel)
            if no_voice:
                tones.append(channel)
            run, burst = state.tone, state.burst
            if burst.hops >= MEASURE_HOPS and burst.wants_measure:
                wanting.append(column)
            steady = run.steady
            if steady:
                state.last_sound = index
            flags.append((run.hops + burst.hops > 0, run.hops >= _DOUBTED_HOPS, steady or state.knows_burst))
        self.followed[channels], self.doubted[channels], self.locked[channels] = np.array(flags).T
        if wanting:
            self._measure(hop, np.array(wanting))
        return ended, tones

    def _measure(self, hop: Hop, columns: Int) -> None:
        """Look at the call progress bands of these columns through the long window."""
        for channel, found in zip(hop.channels[columns].tolist(), resolve(hop.recent(columns)).tolist(), strict=True):
            state = self._states[channel]
            if state is not None:
                state.measure_burst(found)
                self.locked[channel] |= state.knows_burst


def _feed(state: Channel, hop: Hop, column: int, index: int, heard: _Heard) -> tuple[bool, bool]:
    """Feed one channel's trackers; tell whether something ended, and whether that surely was no voice."""
    purity, is_tone, is_call, is_held, freq, band, level = heard
    over = no_voice = False
    run = state.tone
    if is_tone or run.hops:
        segment = run.update(index, is_tone, freq, band, purity, level, is_held, hop, column)
        if segment is not None:
            over, no_voice = True, state.take_segment(segment, index)
        if run.hops >= fax.LOOK_HOPS and run.freq_hz > fax.ANSWER_HZ[0]:
            state.take_answer_tone(index, hop, column)
    if is_call or state.burst.hops:
        over |= _feed_burst(state, index, is_call, band, freq, is_held)
    return over, no_voice


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
