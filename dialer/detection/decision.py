"""When to speak: timers of silence and missing media, and the sequential decision between a person and a machine.

Before every look the classifier is asked for P(machine); bounds depend on the length of the pause, because to hang up
on a person costs more than to let an agent hear a greeting. When time is up, cost decides, and the probabilities are
said.
"""

from typing import Final

import numpy as np

from dialer.detection.answer import PAUSES_S, AnswerClassifier
from dialer.detection.channel import Channel
from dialer.detection.follow import Follower
from dialer.detection.frontend import Field, Hop, Int
from dialer.detection.level import HOP_S
from dialer.detection.settings import DetectionSettings
from dialer.detection.talk import TalkListener

_PAUSE_HOPS: Final = tuple(round(s / HOP_S) for s in PAUSES_S)
_ASK_EVERY: Final = 10
_BELIEVED_PAUSE_S: Final = 0.5
_BELIEVED_WITH_BURST_S: Final = 1.5  # a burst of tone may be the first of a cadence, or a short, steady word
_REASONS: Final = 5
_STEADY_DB: Final = 8.0  # peaks of steady noise over its floor, which is held a little low
_NEVER: Final = np.iinfo(np.int64).max // 4


class Decider:
    """Runs the timers of all channels and decides who answered.

    Args:
        channels: rows of the bank.
        settings: limits.
        classifier: tells people from machines.
        states: the bank's open channels, shared.
        talk: where voices are.
        follower: where tones are.
    """

    def __init__(
        self, channels: int, settings: DetectionSettings, classifier: AnswerClassifier, states: list[Channel | None],
        talk: TalkListener, follower: Follower,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._classifier = classifier
        self._states = states
        self._talk = talk
        self._follower = follower
        self.awaits = np.zeros(channels, np.bool_)  # answered, no verdict yet
        self.media = np.zeros(channels, np.bool_)  # a frame was received since the answer
        self.digital = np.zeros(channels, np.int32)  # hops of digital silence in a row
        self.due = np.full(channels, _NEVER, np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of state of all channels."""
        return self.awaits.nbytes + self.media.nbytes + self.digital.nbytes + self.due.nbytes

    def reset(self, channel: int, *, answered: bool) -> None:
        """Start the timers of this channel anew."""
        self.awaits[channel] = answered
        self.media[channel] = False
        self.due[channel] = 0
        self._classifier.reset(np.array([channel], np.intp))

    def wake(self, channel: int, index: int) -> None:
        """Have the timers of a channel looked at soon."""
        self.due[channel] = min(int(self.due[channel]), index + 1)

    def step(self, hop: Hop) -> None:
        """Look at the channels whose time has come."""
        now = hop.channels
        due = np.flatnonzero(hop.index >= self.due[now])
        asked: list[int] = []
        doubtful: list[int] = []
        for column, channel, index in zip(due.tolist(), now[due].tolist(), hop.index[due].tolist(), strict=True):
            state = self._states[channel]
            if state is None or not state.open:
                self.awaits[channel] = False
                self.due[channel] = _NEVER
                continue
            if index >= state.cadence_due and state.cadence_alive:
                state.check_cadence(index)
            state.check_pager(index)
            if state.first_voice is not None:
                asked.append(column)
                continue
            self.due[channel] = self._watch_silence(state, index, hop, column)
            busy = state.beeps or self._follower.followed[channel]
            if state.open and state.answered is not None and not busy:
                doubtful.append(column)
        if doubtful:
            asked += self._believe(hop, np.array(doubtful))
        if asked:
            self._ask(hop, np.array(asked))

    def _ask(self, hop: Hop, columns: Int) -> None:
        """Weigh the voices of these columns."""
        channels = hop.channels[columns]
        chances = self._classifier.probabilities(channels).tolist()
        pauses = self._classifier.pause_s(channels).tolist()
        for channel, index, p, pause_s in zip(
            channels.tolist(), hop.index[columns].tolist(), chances, pauses, strict=True
        ):
            state = self._states[channel]
            self.due[channel] = index + _next_look(pause_s)
            if state is not None:
                self._weigh(state, index, p, pause_s)

    def _believe(self, hop: Hop, columns: Int) -> list[int]:
        """Where no voice was confirmed but the classifier has heard one and it has ended.

        Take its word, as in loud streets.
        """
        channels = hop.channels[columns]
        pause = self._classifier.pause_s(channels)
        states = [self._states[channel] for channel in channels.tolist()]
        cadence = np.array([state is not None and state.cadence_alive for state in states])
        enough = np.where(cadence, np.float32(_BELIEVED_WITH_BURST_S), np.float32(_BELIEVED_PAUSE_S))
        heard = np.flatnonzero((self._classifier.probabilities(channels) != 0.5) & (pause >= enough))
        for at in heard.tolist():
            state = states[at]
            if state is not None:
                self._trust(state, int(hop.index[columns[at]]), float(pause[at]))
        believed: list[int] = columns[heard].tolist()
        return believed

    def _trust(self, state: Channel, index: int, pause_s: float) -> None:
        """Let the classifier's voice, which ended `pause_s` ago, be the first voice."""
        state.first_voice = index - round(pause_s / HOP_S)
        self._talk.last[state.number] = state.first_voice

    def _watch_silence(self, state: Channel, index: int, hop: Hop, column: int) -> int:
        """Call it silence when nothing was heard for long enough; give the hop to look again."""
        channel = state.number
        if state.answered is None:
            return index + _ASK_EVERY if state.cadence_alive else _NEVER
        at_s = (index + 1) * HOP_S
        if not self.media[channel] and index - state.answered >= round(self._settings.no_media_limit_s / HOP_S):
            state.say(at_s, "no_media", "not one frame received since the answer")
            state.decide(at_s, "no_media", 0.95)
        end = max(state.answered, state.last_sound) + round(self._settings.silence_limit_s / HOP_S)
        if index >= end and not state.tone.alive and state.open:
            only = np.array([channel], np.intp)
            if self._classifier.probabilities(only)[0] != 0.5:
                # a word so short or so steady that it passed for a burst of tone: nobody is hung up on for that
                self._trust(state, index, float(self._classifier.pause_s(only)[0]))
                return index + 1
            self._say_silence(state, at_s, hop, column)
            state.decide(at_s, "silence", 0.9)
        return index + _ASK_EVERY

    def _say_silence(self, state: Channel, at_s: float, hop: Hop, column: int) -> None:
        """Tell what the silence was made of."""
        text = f"nothing heard for {self._settings.silence_limit_s:.1f} s"
        floor, peak = (float(hop.values[row, column]) for row in (Field.FLOOR, Field.PEAK))
        if self.digital[state.number] > 0:
            state.say(at_s, "digital_silence", text)
        elif peak - floor < _STEADY_DB:
            state.say(at_s, "steady_noise", f"{text} but steady noise at {floor:.0f} dBm0, of the line or made for "
                      "comfort", level_dbm0=floor)  # fmt: skip
        else:
            state.say(at_s, "silence", text)

    def _weigh(self, state: Channel, index: int, p: float, pause_s: float) -> None:
        """Hold P(machine) against the profile: now a machine, now a person, time up, or wait."""
        if not state.open or state.first_voice is None:
            return
        profile = state.profile
        voice_s = (index - state.first_voice) * HOP_S
        if p >= profile.machine_at and voice_s >= profile.machine_after_s:
            self._rule(state, index, "machine", p)
            return
        for pause, most in zip(profile.pauses_s, profile.human_at, strict=True):
            if pause_s >= pause and p <= most:
                self._rule(state, index, "human", p)
                return
        if voice_s >= self._settings.answered_limit_s:
            self._rule(state, index, _by_cost(state, p), p)

    def _rule(self, state: Channel, index: int, name: str, p: float) -> None:
        at_s = (index + 1) * HOP_S
        reasons = self._classifier.explain(state.number)[:_REASONS]
        words = ", ".join(f"{r.feature} {r.value:g} ({r.weight:+.1f})" for r in reasons)
        state.say(
            at_s, "probability", f"P(machine) {p:.3f}: {words}", p_machine=p,
            reasons=[(r.feature, round(r.value, 4), round(r.weight, 3)) for r in reasons],
            subclass=self._classifier.subclass(state.number),
        )  # fmt: skip
        state.decide(at_s, name, p if name == "machine" else 1 - p, p)

    def conclude(self, state: Channel, now: int, *, musical: bool) -> None:
        """The audio is over and nothing was decided: say what is most likely."""
        at_s = now * HOP_S
        if state.answered is None:
            if state.ringing:
                state.decide(at_s, "ringback", 0.9)
            elif musical:
                state.decide(at_s, "music", 0.8)
        elif (p := float(self._classifier.probabilities(np.array([state.number], np.intp))[0])) != 0.5 or (
            state.first_voice is not None
        ):
            self._rule(state, now - 1, _by_cost(state, p), p)
        else:
            state.check_pager(now + round(2 / HOP_S))
            state.decide(at_s, "silence", 0.6)


def _by_cost(state: Channel, p: float) -> str:
    """Decide when the time is up."""
    if p >= state.profile.machine_at_limit:
        return "machine"
    return "human" if p < state.profile.human_at_limit else "undecided"


def _next_look(pause_s: float) -> int:
    """Give the hops until a voice is to be weighed again: soon, or when the pause reaches a length that counts."""
    pause = round(pause_s / HOP_S)
    return min([_ASK_EVERY, *(hops - pause for hops in _PAUSE_HOPS if hops > pause)])
