"""Sounds that are evidence and no verdict: digits, text telephones, music; and V.21 flags, which are one."""

from typing import Any, Final

import numpy as np

from dialer.detection import fax
from dialer.detection.channel import Channel
from dialer.detection.dtmf import DigitListener
from dialer.detection.frontend import Field, Hop
from dialer.detection.level import HOP_S
from dialer.detection.music import MusicListener
from dialer.detection.teletype import TeletypeListener

_DATA_HZ: Final = (1560.0, 1940.0)
_DATA_SHARE: Final = 0.6


class SideSounds:
    """Hears them on all channels.

    Args:
        channels: rows of the bank.
        states: the bank's open channels, shared.
    """

    def __init__(self, channels: int, states: list[Channel | None]) -> None:
        self._states = states
        self._digits = DigitListener(channels)
        self._teletype = TeletypeListener(channels)
        self._music = MusicListener(channels)
        self._data_hops = np.zeros(channels, np.int32)  # in a row with their energy in the band of V.21

    def reset(self, channel: int) -> None:
        """Forget what this channel heard."""
        for listener in (self._digits, self._teletype, self._music):
            listener.reset(channel)
        self._data_hops[channel] = 0

    def is_musical(self, state: Channel) -> bool:
        """Tell whether music was heard, or is sounding now."""
        return state.musical or self._music.is_music(state.number)

    def step(self, hop: Hop) -> None:
        """Take one hop."""
        f1 = hop[Field.F1]
        share = hop[Field.P1].astype(np.float64) + hop[Field.P2]
        in_band = hop.analysed & (f1 > _DATA_HZ[0]) & (f1 < _DATA_HZ[1]) & (share > _DATA_SHARE)
        self._hear_data(hop, in_band)
        for column, digit in self._digits.step(hop):
            self._tell(hop, column, "dtmf", f"digit {digit}", digit=digit)
        for column in self._teletype.step(hop):
            self._tell(hop, column, "tty", "text telephone, 1400 and 1800 Hz in turns")
        for column in self._music.step(hop):
            self._hear_music(hop, column)

    def step_one(self, hop: Hop, values: list[float]) -> None:
        """Take a hop of one channel, its features as numbers.

        The same as `step`, but what cannot be is not looked at.
        """
        channel = int(hop.channels[0])
        f1, f2, share = values[Field.F1], values[Field.F2], values[Field.P1] + values[Field.P2]
        in_band = bool(hop.analysed[0]) and _DATA_HZ[0] < f1 < _DATA_HZ[1] and share > _DATA_SHARE
        if in_band or self._data_hops[channel]:
            self._hear_data(hop, np.array([in_band]))
        if self._digits.concerned(channel, f1, f2):
            for column, digit in self._digits.step(hop):
                self._tell(hop, column, "dtmf", f"digit {digit}", digit=digit)
        if self._teletype.concerned(channel, f1):
            for column in self._teletype.step(hop):
                self._tell(hop, column, "tty", "text telephone, 1400 and 1800 Hz in turns")
        if self._music.step_one(hop, channel, values):
            self._hear_music(hop, 0)

    def _hear_data(self, hop: Hop, in_band: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Look for V.21 flags where the energy has lain in their band for the length of the long window."""
        now = hop.channels
        hops = np.where(in_band | (hop.lost & (self._data_hops[now] > 0)), self._data_hops[now] + 1, 0)
        self._data_hops[now] = hops
        for column in np.flatnonzero((hops >= fax.V21_HOPS) & (hops % 4 == 2)).tolist():
            state = self._states[int(now[column])]
            if state is not None and state.open and not state.tone.steady:
                score = fax.flag_score(hop.recent(np.array([column]))[0])
                if score >= fax.V21_SCORE:
                    state.take_flags(score, int(hop.index[column]))

    def _hear_music(self, hop: Hop, column: int) -> None:
        channel = int(hop.channels[column])
        state = self._states[channel]
        if state is None:
            return
        state.playing = bool(self._music.playing[channel])
        if self._music.heard[channel] and state.open and not state.musical:
            state.musical = True
            self._tell(hop, column, "music", "music: hardly a pause, peaks that stand still")

    def _tell(self, hop: Hop, column: int, kind: str, text: str, **data: Any) -> None:
        state, index = self._states[int(hop.channels[column])], int(hop.index[column])
        if state is not None and state.listening(index):
            state.say((index + 1) * HOP_S, kind, text, **data)
