"""The detector bank: audio of all channels in, evidence and verdicts out. One for live calls and for recordings.

The same samples of a channel give the same findings to the bit, however they are cut, whatever the other channels carry and
however many there are. The bank has no clock, no thread and does no I/O; one thread at a time may call it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection import fax, plan
from dialer.detection.activity import Activity
from dialer.detection.answer import PAUSES_S, AnswerClassifier
from dialer.detection.cadence import resolve
from dialer.detection.channel import Channel
from dialer.detection.finding import Finding
from dialer.detection.dtmf import DigitListener
from dialer.detection.frontend import Bool, Field, Float, FrontEnd, Hop, Int
from dialer.detection.level import HOP_S, RATE_HZ
from dialer.detection.music import MusicListener
from dialer.detection.resample import Halver
from dialer.detection.settings import DetectionError, DetectionSettings, UnknownProfile
from dialer.detection.speech.classifier import classifier as trained
from dialer.detection.teletype import TeletypeListener

_FRAMES_A_SECOND: Final = 50
_PAUSE_HOPS: Final = tuple(round(s / HOP_S) for s in PAUSES_S)
_ASK_EVERY: Final = 10
_CONFIRM_POINTS: Final = 18
_BELIEVED_PAUSE_S: Final = 0.5
_BELIEVED_POINTS: Final = 14
_MOST_NOISE: Final = np.float32(0.2)  # share of noise that is taken out of a purity
_DOUBTED_HOPS: Final = 9
_CALL_ABOVE_DB: Final = np.float32(4.0)
_HELD_HOPS: Final = 6
_BURST_LOOK: Final = 6  # age of a burst at which the pause before it is held against the patterns
_BURST_AGAIN: Final = 32
_NEVER: Final = np.iinfo(np.int64).max // 4


class ChannelInUse(DetectionError):
    """The channel is open already."""


class ChannelClosed(DetectionError):
    """The channel is not open."""


class DetectorBank:
    """Hears `channels` channels at once.

    Args:
        channels: how many rows.
        settings: what may be set.
        classifier: tells people from machines; None: the trained model, or the rules when its file is missing.
    """

    def __init__(
        self, channels: int = 64, settings: DetectionSettings | None = None, classifier: AnswerClassifier | None = None
    ) -> None:
        self.settings = settings or DetectionSettings()
        self._atlas = plan.load(self.settings.country_dirs)
        self._classifier: AnswerClassifier = classifier or trained()
        self._classifier.attach(channels)
        self._front = FrontEnd(channels)
        self._halver = Halver(channels) if self.settings.rate == 2 * RATE_HZ else None
        self._activity = Activity(channels)
        self._digits = DigitListener(channels)
        self._teletype = TeletypeListener(channels)
        self._music = MusicListener(channels)
        self._open: list[Channel | None] = [None] * channels
        self.parameters_hash = self.settings.digest(self._atlas.digest, self._classifier.digest)
        self._said: set[int] = set()  # channels with findings not handed out yet
        self._is_open = np.zeros(channels, np.bool_)
        self._awaits = np.zeros(channels, np.bool_)  # answered, no verdict yet
        self._followed = np.zeros(channels, np.bool_)  # a tone run or burst is open
        self._locked = np.zeros(channels, np.bool_)
        self._doubted = np.zeros(channels, np.bool_)  # what sounds may yet turn out to be a tone
        self._voice = np.zeros(channels, np.bool_)
        self._speech = np.zeros(channels, np.bool_)
        self._voiced = np.zeros(channels, np.int32)
        self._murmur = np.zeros(channels, np.int32)  # the same points since the answer, never taken back
        self._begun = np.zeros(channels, np.int64)
        self._last_voice = np.zeros(channels, np.int64)
        self._digital = np.zeros(channels, np.int32)
        self._data_run = np.zeros(channels, np.int32)
        self._due = np.full(channels, _NEVER, np.int64)
        self._media = np.zeros(channels, np.bool_)  # a frame was received since the answer

    # -- opening and closing -------------------------------------------------------------------------------------------

    def open(self, channel: int, country: str | None = None, phase: str = "early", profile: str | None = None) -> None:
        """Start listening afresh on a channel.

        Raises:
            ChannelInUse: when it is open already.
            UnknownProfile: when there is no such profile.
        """
        if self._open[channel] is not None:
            raise ChannelInUse(f"channel {channel} is open already")
        if phase not in ("early", "answered"):
            raise DetectionError(f"phase {phase!r}: early or answered")
        name = profile or self.settings.profile
        if name not in self.settings.profiles:
            raise UnknownProfile(f"profile {name!r}: known are {', '.join(sorted(self.settings.profiles))}")
        self._front.reset(channel)
        if self._halver is not None:
            self._halver.reset(channel)
        for listener in (self._activity, self._digits, self._teletype, self._music):
            listener.reset(channel)
        self._open[channel] = Channel(
            channel, phase, country or self.settings.country, self.settings.profiles[name], self._atlas,
            self.parameters_hash, self._said,
        )  # fmt: skip
        self._is_open[channel] = True
        for flags in (self._followed, self._locked, self._doubted, self._voice, self._speech):
            flags[channel] = False
        for counts in (self._voiced, self._murmur, self._begun, self._last_voice, self._digital, self._data_run):
            counts[channel] = 0
        self._awaits[channel] = phase == "answered"
        self._due[channel] = 0
        self._media[channel] = False
        self._classifier.reset(np.array([channel], np.intp))

    def answer(self, channel: int) -> None:
        """Mark the answer at the channel's present position; its budget starts here."""
        state = self._state(channel)
        state.answer(self._front.samples_heard(channel) // 80)
        self._awaits[channel] = state.open
        self._speech[channel] = False
        self._voiced[channel] = self._murmur[channel] = 0
        self._begun[channel] = self._front.samples_heard(channel) // 80
        self._due[channel] = 0
        self._media[channel] = False
        self._classifier.reset(np.array([channel], np.intp))

    def close(self, channel: int) -> None:
        """Stop listening; closing a closed channel does nothing."""
        self._open[channel] = None
        self._is_open[channel] = False
        self._awaits[channel] = False

    def finish(self, channel: int) -> list[Finding]:
        """Say what is left to say at the end of the audio: last segments, and a verdict by what is known."""
        state = self._state(channel)
        now = self._front.samples_heard(channel) // 80
        segment = state.tone.flush(now)
        if segment is not None:
            state.take_segment(segment, now)
        state.check_cadence(now - 1)
        if state.open:
            self._conclude(state, now)
        return self._drain()

    def _state(self, channel: int) -> Channel:
        state = self._open[channel]
        if state is None:
            raise ChannelClosed(f"channel {channel} is not open")
        return state

    @property
    def nbytes(self) -> int:
        """Bytes of state in arrays, all channels."""
        own = sum(a.nbytes for a in vars(self).values() if isinstance(a, np.ndarray))
        return self._front.nbytes + self._activity.nbytes + own

    # -- audio ---------------------------------------------------------------------------------------------------------

    def push(
        self, samples: NDArray[Any], counts: NDArray[Any] | None = None, lost: NDArray[np.bool_] | None = None
    ) -> list[Finding]:
        """Take new samples of every channel.

        Args:
            samples: int16 [channels, n] at the rate of the settings; floats are taken as 16-bit values, not-a-number as lost.
            counts: int [channels] how many samples of each row count; None: all. Rows of closed channels are ignored.
            lost: bool [channels, frames] which 20 ms of the samples were never received, or None.

        Returns:
            Findings ordered by channel, then time.
        """
        return self.push_rows(np.arange(len(samples)), samples, counts, lost)

    def push_rows(
        self, channels: NDArray[Any], samples: NDArray[Any], counts: NDArray[Any] | None = None,
        lost: NDArray[np.bool_] | None = None,
    ) -> list[Finding]:  # fmt: skip
        """Take new samples of the channels named, one row each; otherwise as `push`."""
        rows = np.asarray(channels, np.intp)
        n = samples.shape[1]
        many = np.full(len(rows), n, np.intp) if counts is None else np.clip(np.asarray(counts, np.intp), 0, n)
        gone = None
        if lost is not None and lost.any():
            gone = np.repeat(lost.astype(np.bool_), self.settings.rate // _FRAMES_A_SECOND, axis=1)[:, :n]
        if samples.dtype != np.int16:
            samples, gone = _as_int16(samples, gone)
        live = np.flatnonzero(self._is_open[rows] & (many > 0))
        if len(live) < len(rows):
            rows, samples, many = rows[live], samples[live], many[live]
            gone = None if gone is None else gone[live]
        if len(rows) == 0:
            return []
        if self._halver is not None:
            samples, many, gone = self._halver.feed(rows, samples, many, gone)
        for hop in self._front.feed(rows, samples, many, gone):
            self._hear(hop)
        return self._drain()

    def _drain(self) -> list[Finding]:
        """Give what the channels have said since, by channel, then time."""
        found: list[Finding] = []
        for channel in sorted(self._said):
            state = self._open[channel]
            if state is not None:
                found += state.out
                state.out = []
        self._said.clear()
        return found

    # -- one hop -------------------------------------------------------------------------------------------------------

    def _hear(self, hop: Hop) -> None:
        """Everything that happens on one hop, in a fixed order."""
        now = hop.channels
        hop.locked[:] = self._locked[now]
        self._activity.step(hop)
        self._media[now] |= ~hop.lost
        digital = np.where(hop.digital, self._digital[now] + 1, 0)
        self._digital[now] = digital
        held = hop.lost | (hop.digital & (digital <= _HELD_HOPS))
        noise = np.minimum(np.float32(10.0) ** ((hop[Field.FLOOR] - hop[Field.BAND]) * np.float32(0.1)), np.float32(0.5))
        tonal = hop.analysed & ~hop.lost & (hop[Field.P1] >= np.float32(0.75) * (1 - noise))
        call = hop.analysed & ~hop.lost & (hop[Field.CALL] >= np.float32(0.85) * (1 - noise)) & (
            hop[Field.BAND] > hop[Field.FLOOR] + _CALL_ABOVE_DB
        )
        self._follow(hop, tonal, call, held, noise)
        self._data(hop)
        self._side_sounds(hop)
        self._talk(hop, tonal | call)
        waiting = self._awaits[now]
        if waiting.all():
            self._classifier.step(hop)
        elif waiting.any():
            self._classifier.step(select(hop, np.flatnonzero(waiting)))
        self._decide(hop)

    def _follow(self, hop: Hop, tonal: Bool, call: Bool, held: Bool, noise: Float) -> None:
        """Feed the trackers of the channels where a tone sounds or a run is open."""
        now = hop.channels
        columns = np.flatnonzero(tonal | call | self._followed[now])
        if len(columns) == 0:
            return
        pure = np.minimum(hop[Field.P1][columns] / (1 - np.minimum(noise[columns], _MOST_NOISE)), 1)
        parts = (now, hop.index, tonal, call, held, hop[Field.F1], hop[Field.BAND], hop[Field.LEVEL])
        wanting: list[int] = []
        for column, purity, channel, index, is_tone, is_call, is_held, freq, band, level in zip(
            columns.tolist(), pure.tolist(), *(part[columns].tolist() for part in parts), strict=True
        ):
            state = self._state(channel)
            run, burst = state.tone, state.burst
            if not state.open and not state.listening(index):
                self._followed[channel] = self._locked[channel] = self._doubted[channel] = False
                continue
            if is_tone or run.hops:
                segment = run.update(index, is_tone, freq, band, purity, level, is_held, hop, column)
                if segment is not None:
                    if state.take_segment(segment, index):
                        self._voiced[channel] = 0
                    self._wake(channel, index)
                if run.hops >= fax.ANSWER_HOPS:
                    state.take_answer_tone(index)
            if is_call or burst.hops:
                ended = burst.update(index, is_call, band, freq, is_held)
                if ended is not None:
                    state.take_burst(ended, index)
                    self._wake(channel, index)
                elif burst.hops == _BURST_LOOK or (burst.hops > _BURST_LOOK and burst.hops % _BURST_AGAIN == 0):
                    state.check_cadence(index)
                if burst.wants_measure:
                    wanting.append(column)
            steady = run.steady
            if steady:
                state.last_sound = index
            self._followed[channel] = run.hops or burst.hops
            self._doubted[channel] = run.hops >= _DOUBTED_HOPS
            self._locked[channel] = steady or state.knows_burst
        if wanting:
            self._measure(hop, np.array(wanting))

    def _measure(self, hop: Hop, columns: Int) -> None:
        """Look at the call progress bands of these columns through the long window."""
        for channel, found in zip(hop.channels[columns].tolist(), resolve(hop.recent(columns)).tolist(), strict=True):
            state = self._state(channel)
            state.measure_burst(found)
            self._locked[channel] |= state.knows_burst

    def _wake(self, channel: int, index: int) -> None:
        """Have the timers of a channel looked at soon."""
        self._due[channel] = min(int(self._due[channel]), index + 1)

    def _data(self, hop: Hop) -> None:
        """Look for V.21 flags where the energy has lain in their band for the length of the long window."""
        now = hop.channels
        f1 = hop[Field.F1]
        in_band = hop.analysed & (f1 > 1560) & (f1 < 1940) & (hop[Field.P1] + hop[Field.P2] > np.float32(0.6))
        run = np.where(in_band | hop.lost, self._data_run[now] + 1, 0)
        self._data_run[now] = run
        for column in np.flatnonzero((run >= fax.V21_HOPS) & (run % 4 == 2)).tolist():
            state = self._state(int(now[column]))
            if state.open and not state.tone.steady:
                score = fax.flag_score(hop.recent(np.array([column]))[0])
                if score >= fax.V21_SCORE:
                    state.take_flags(score, int(hop.index[column]))

    def _side_sounds(self, hop: Hop) -> None:
        """Hear digits, text telephones and music: evidence, no verdicts."""
        for column, digit in self._digits.step(hop):
            self._tell(hop, column, "dtmf", f"digit {digit}", digit=digit)
        for column in self._teletype.step(hop):
            self._tell(hop, column, "tty", "text telephone, 1400 and 1800 Hz in turns")
        for column in self._music.step(hop):
            state = self._state(int(hop.channels[column]))
            if state.open and not state.musical:
                state.musical = True
                self._tell(hop, column, "music", "music: hardly a pause, peaks that stand still")

    def _tell(self, hop: Hop, column: int, kind: str, text: str, **data: Any) -> None:
        state, index = self._state(int(hop.channels[column])), int(hop.index[column])
        if state.open or state.listening(index):
            state.say((index + 1) * HOP_S, kind, text, **data)

    def _talk(self, hop: Hop, like_tone: Bool) -> None:
        """Confirm speech: activity with voiced hops that are no tone; say where it begins and ends."""
        now = hop.channels
        before, voice = self._voice[now], hop.voice
        begins = np.flatnonzero(voice & ~before)
        if len(begins):
            rows = now[begins]
            self._voiced[rows] = 0
            self._begun[rows] = np.maximum(self._begun[rows], hop.index[begins] - 4)
        self._voice[now] = voice
        points = _voiced_points(hop, like_tone)
        self._voiced[now] = np.where(hop.locked, 0, self._voiced[now] + points)
        self._murmur[now] += points
        talking = self._speech[now]
        sounding = hop.active & voice & talking
        self._last_voice[now] = np.where(sounding, hop.index, self._last_voice[now])
        starts = np.flatnonzero(voice & ~talking & ~self._doubted[now] & (self._voiced[now] >= _CONFIRM_POINTS))
        ends = np.flatnonzero(talking & ~voice)
        for column in starts.tolist():
            self._start_speech(int(now[column]), int(hop.index[column]))
        for column in ends.tolist():
            self._end_speech(int(now[column]), int(hop.index[column]))

    def _start_speech(self, channel: int, index: int) -> None:
        state = self._state(channel)
        self._speech[channel] = True
        self._last_voice[channel] = index
        if not state.listening(index):
            return
        begun = int(self._begun[channel])
        state.last_sound = index
        if state.answered is not None and state.first_voice is None:
            state.first_voice = max(begun, state.answered)
            self._wake(channel, index)
        state.say((index + 1) * HOP_S, "speech_start", f"voice from {begun * HOP_S:.2f} s", start_s=begun * HOP_S)

    def _end_speech(self, channel: int, index: int) -> None:
        state = self._state(channel)
        self._speech[channel] = False
        self._begun[channel] = index
        if not state.listening(index):
            return
        end = (int(self._last_voice[channel]) + 1) * HOP_S
        state.last_sound = int(self._last_voice[channel])
        state.say((index + 1) * HOP_S, "speech_end", f"voice until {end:.2f} s", end_s=end)

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _decide(self, hop: Hop) -> None:
        """Look at the channels whose time has come."""
        now = hop.channels
        due = np.flatnonzero(hop.index >= self._due[now])
        if len(due) == 0:
            return
        asked: list[int] = []
        doubtful: list[int] = []
        for column, channel, index in zip(due.tolist(), now[due].tolist(), hop.index[due].tolist(), strict=True):
            state = self._state(channel)
            if not state.open:
                self._awaits[channel] = False
                self._due[channel] = _NEVER
                continue
            if state.cadence_alive:
                state.check_cadence(index)
            state.check_pager(index)
            if state.first_voice is not None:
                asked.append(column)
            else:
                self._due[channel] = self._watch_silence(state, channel, index)
                if state.open and state.answered is not None and not (
                    state.cadence_alive or state.beeps or self._followed[channel]
                ):
                    doubtful.append(column)
        if doubtful:
            asked += self._believe(hop, np.array(doubtful))
        if asked:
            channels = now[asked]
            weighed = zip(
                channels.tolist(), hop.index[asked].tolist(), self._classifier.probabilities(channels).tolist(),
                self._classifier.pause_s(channels).tolist(), strict=True,
            )  # fmt: skip
            for channel, index, p, pause_s in weighed:
                self._due[channel] = index + _next_look(pause_s)
                self._weigh(self._state(channel), index, p, pause_s)

    def _believe(self, hop: Hop, columns: Int) -> list[int]:
        """Where no voice was confirmed but the classifier has heard one and it has ended: take its word, as in loud streets."""
        channels = hop.channels[columns]
        pause = self._classifier.pause_s(channels)
        heard = np.flatnonzero(
            (self._classifier.probabilities(channels) != 0.5)
            & (pause >= np.float32(_BELIEVED_PAUSE_S))
            & (self._murmur[channels] >= _BELIEVED_POINTS)
        )
        for at in heard.tolist():
            channel = int(channels[at])
            state = self._state(channel)
            state.first_voice = int(hop.index[columns[at]]) - round(float(pause[at]) / HOP_S)
            self._last_voice[channel] = state.first_voice
        return columns[heard].tolist()

    def _watch_silence(self, state: Channel, channel: int, index: int) -> int:
        """Call it silence when nothing was heard for long enough; give the hop to look again."""
        if state.answered is None:
            return index + _ASK_EVERY if state.cadence_alive else _NEVER
        if not self._media[channel] and index - state.answered >= round(self.settings.no_media_limit_s / HOP_S):
            at_s = (index + 1) * HOP_S
            state.say(at_s, "no_media", "not one frame received since the answer")
            state.decide(at_s, "no_media", 0.95)
        end = max(state.answered, state.last_sound) + round(self.settings.silence_limit_s / HOP_S)
        if index >= end and not state.tone.alive:
            self._call_silence(state, channel, index)
        return index + _ASK_EVERY

    def _call_silence(self, state: Channel, channel: int, index: int) -> None:
        at_s = (index + 1) * HOP_S
        digital = int(self._digital[channel]) > 0
        kind = "digital_silence" if digital else "silence"
        state.say(at_s, kind, f"nothing heard for {self.settings.silence_limit_s:.1f} s")
        state.decide(at_s, "silence", 0.9)

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
        if voice_s >= self.settings.answered_limit_s:
            self._rule(state, index, self._by_cost(profile.machine_at_limit, profile.human_at_limit, p), p)

    @staticmethod
    def _by_cost(machine_at: float, human_at: float, p: float) -> str:
        if p >= machine_at:
            return "machine"
        return "human" if p < human_at else "undecided"

    def _rule(self, state: Channel, index: int, name: str, p: float) -> None:
        at_s = (index + 1) * HOP_S
        reasons = self._classifier.explain(state.number)[:5]
        words = ", ".join(f"{r.feature} {r.value:g} ({r.weight:+.1f})" for r in reasons)
        state.say(
            at_s, "probability", f"P(machine) {p:.3f}: {words}", p_machine=p,
            reasons=[(r.feature, round(r.value, 4), round(r.weight, 3)) for r in reasons],
            subclass=self._classifier.subclass(state.number),
        )  # fmt: skip
        state.decide(at_s, name, p if name == "machine" else 1 - p, p)

    def _conclude(self, state: Channel, now: int) -> None:
        """The audio is over and nothing was decided: say what is most likely."""
        at_s = now * HOP_S
        if state.answered is None:
            if state.ringing:
                state.decide(at_s, "ringback", 0.9)
            elif state.musical or self._music.is_music(state.number):
                state.decide(at_s, "music", 0.8)
        elif state.first_voice is not None:
            p = float(self._classifier.probabilities(np.array([state.number], np.intp))[0])
            self._rule(state, now - 1, self._by_cost(state.profile.machine_at_limit, state.profile.human_at_limit, p), p)
        else:
            state.check_pager(now + round(2 / HOP_S))
            state.decide(at_s, "silence", 0.6)


def _next_look(pause_s: float) -> int:
    """Give the hops until a voice is to be weighed again: soon, or when the pause reaches a length that counts."""
    pause = round(pause_s / HOP_S)
    return min([_ASK_EVERY, *(hops - pause for hops in _PAUSE_HOPS if hops > pause)])


def _voiced_points(hop: Hop, like_tone: Bool) -> NDArray[np.int32]:
    """Say how much each hop speaks for a voice: 3 voiced, 1 voiced but like a tone (which 140 ms later is known for one)."""
    voiced = hop.voice & hop.active & ~hop.tainted & (hop[Field.VOICING] >= np.float32(0.5))
    voiced &= hop[Field.HIGH] < np.float32(0.7)
    like_tone = like_tone | (hop[Field.P1] + hop[Field.P2] > np.float32(0.93))
    points: NDArray[np.int32] = voiced * np.where(like_tone, 1, 3).astype(np.int32)
    return points


def select(hop: Hop, columns: Int) -> Hop:
    """Give the hop of some of its columns."""
    values: Float = hop.values[:, columns]
    return Hop(
        hop.channels[columns], hop.index[columns], values, hop.spectrum[columns], hop.analysed[columns],
        hop.digital[columns], hop.lost[columns], hop.tainted[columns], hop.active[columns], hop.voice[columns],
        hop.locked[columns], hop.history, hop.ends[columns],
    )  # fmt: skip


def _as_int16(samples: NDArray[Any], lost: NDArray[np.bool_] | None) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None]:
    """Take floats for 16-bit values: clipped, infinite ones too; what is no number is lost."""
    bad = np.isnan(samples)
    gone = (bad if lost is None else lost | bad) if bad.any() else lost
    clean = np.clip(np.nan_to_num(samples, nan=0.0, posinf=32767, neginf=-32768), -32768, 32767)
    return np.rint(clean).astype(np.int16), gone


__all__ = ["RATE_HZ", "ChannelClosed", "ChannelInUse", "DetectorBank"]
