"""The detector bank: audio of all channels in, evidence and verdicts out. One for live calls and for recordings.

The same samples of a channel give the same findings to the bit, however they are cut, whatever the other channels
carry and however many there are. The bank has no clock, no thread and does no I/O; one thread at a time may call it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection import plan
from dialer.detection.activity import Activity
from dialer.detection.answer import AnswerClassifier
from dialer.detection.channel import Channel
from dialer.detection.decision import Decider
from dialer.detection.finding import Finding
from dialer.detection.follow import Follower
from dialer.detection.frontend import FrontEnd, Hop, Int
from dialer.detection.level import HOP, HOP_S, RATE_HZ
from dialer.detection.resample import Halver
from dialer.detection.settings import DetectionError, DetectionSettings, UnknownProfile
from dialer.detection.sidesound import SideSounds
from dialer.detection.speech.classifier import classifier as trained
from dialer.detection.talk import TalkListener

_FRAMES_A_SECOND: Final = 50
_HELD_HOPS: Final = 6


class ChannelInUse(DetectionError):  # noqa: N818 - the name is the message
    """The channel is open already."""


class ChannelClosed(DetectionError):  # noqa: N818 - the name is the message
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
        self._open: list[Channel | None] = [None] * channels
        self._is_open = np.zeros(channels, np.bool_)
        self._said: set[int] = set()  # channels with findings not handed out yet
        self._activity = Activity(channels)
        self._follower = Follower(channels, self._open)
        self._sides = SideSounds(channels, self._open)
        self._talk = TalkListener(channels)
        self._decider = Decider(channels, self.settings, self._classifier, self._open, self._talk, self._follower)
        self.parameters_hash = self.settings.digest(self._atlas.digest, self._classifier.digest)

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
        for part in (self._front, self._halver, self._activity, self._follower, self._sides, self._talk):
            if part is not None:
                part.reset(channel)
        self._open[channel] = Channel(
            channel, phase, country or self.settings.country, self.settings.profiles[name], self.settings,
            self._atlas, self.parameters_hash, self._said,
        )  # fmt: skip
        self._is_open[channel] = True
        self._decider.digital[channel] = 0
        self._decider.reset(channel, answered=phase == "answered")

    def answer(self, channel: int) -> None:
        """Mark the answer at the channel's present position; its budget starts here."""
        state = self._state(channel)
        hop = self._front.samples_heard(channel) // HOP
        state.answer(hop)
        self._talk.restart(channel, hop)
        self._decider.reset(channel, answered=state.open)

    def close(self, channel: int) -> None:
        """Stop listening; closing a closed channel does nothing."""
        self._open[channel] = None
        self._is_open[channel] = False
        self._decider.awaits[channel] = False

    def finish(self, channel: int) -> list[Finding]:
        """Say what is left to say at the end of the audio: last segments, and a verdict by what is known."""
        state = self._state(channel)
        now = self._front.samples_heard(channel) // HOP
        segment = state.tone.flush(now)
        if segment is not None:
            state.take_segment(segment, now)
        state.check_cadence(now - 1)
        if state.open:
            self._decider.conclude(state, now, musical=self._sides.is_musical(state))
        return self._drain()

    def _state(self, channel: int) -> Channel:
        state = self._open[channel]
        if state is None:
            raise ChannelClosed(f"channel {channel} is not open")
        return state

    @property
    def nbytes(self) -> int:
        """Bytes of state in arrays, all channels; the listeners' few counters and the classifier left out."""
        parts = (self._front, self._activity, self._follower, self._talk, self._decider)
        return sum(part.nbytes for part in parts) + (self._halver.nbytes if self._halver else 0)

    # -- audio ---------------------------------------------------------------------------------------------------------

    def push(
        self, samples: NDArray[Any], counts: NDArray[Any] | None = None, lost: NDArray[np.bool_] | None = None
    ) -> list[Finding]:
        """Take new samples of every channel.

        Args:
            samples: int16 [channels, n] at the rate of the settings; floats are taken as 16-bit values, not-a-number
                as lost.
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
            if len(hop.channels) == 1:
                self._hear_one(hop)
            else:
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
        now, decider = hop.channels, self._decider
        hop.locked[:] = self._follower.locked[now]
        self._activity.step(hop)
        decider.media[now] |= ~hop.lost
        digital = np.where(hop.digital, decider.digital[now] + 1, 0)
        decider.digital[now] = digital
        like_tone, ended, tones = self._follower.step(hop, hop.lost | (hop.digital & (digital <= _HELD_HOPS)))
        for channel in tones:
            self._talk.was_tone(channel)
        self._sides.step(hop)
        starts, ends = self._talk.step(hop, like_tone, self._follower.doubted[now])
        for column in starts.tolist():
            self._start_speech(int(now[column]), int(hop.index[column]))
        for column in ends.tolist():
            self._end_speech(int(now[column]), int(hop.index[column]))
        for channel in ended:
            decider.wake(channel, self._index(hop, channel))
        waiting = decider.awaits[now]
        if waiting.all():
            self._classifier.step(hop)
        elif waiting.any():
            self._classifier.step(select(hop, np.flatnonzero(waiting)))
        decider.step(hop)

    def _hear_one(self, hop: Hop) -> None:
        """Everything that happens on a hop of one channel; the same as `_hear`, in plain numbers."""
        channel, index, decider = int(hop.channels[0]), int(hop.index[0]), self._decider
        values: list[float] = hop.values[:, 0].tolist()
        hop.locked[0] = self._follower.locked[channel]
        self._activity.step_one(hop, channel, values[0])
        lost = bool(hop.lost[0])
        if not lost:
            decider.media[channel] = True
        digital = int(decider.digital[channel]) + 1 if hop.digital[0] else 0
        decider.digital[channel] = digital
        like_tone, ended, tones = self._follower.step_one(hop, values, lost or 0 < digital <= _HELD_HOPS)
        if tones:
            self._talk.was_tone(channel)
        self._sides.step_one(hop, values)
        start, end = self._talk.step_one(hop, values, channel, like_tone, bool(self._follower.doubted[channel]))
        if start:
            self._start_speech(channel, index)
        elif end:
            self._end_speech(channel, index)
        if ended:
            decider.wake(channel, index)
        if decider.awaits[channel]:
            self._classifier.step(hop)
        if index >= decider.due[channel]:
            decider.step(hop)

    @staticmethod
    def _index(hop: Hop, channel: int) -> int:
        """Give the hop number of a channel that is in the hop."""
        return int(hop.index[np.flatnonzero(hop.channels == channel)[0]])

    def _start_speech(self, channel: int, index: int) -> None:
        state = self._state(channel)
        if not state.listening(index):
            return
        begun = int(self._talk.begun[channel])
        state.last_sound = index
        if state.answered is not None and state.first_voice is None:
            state.first_voice = max(begun, state.answered)
            self._decider.wake(channel, index)
        state.say((index + 1) * HOP_S, "speech_start", f"voice from {begun * HOP_S:.2f} s", start_s=begun * HOP_S)

    def _end_speech(self, channel: int, index: int) -> None:
        state = self._state(channel)
        if not state.listening(index):
            return
        last = int(self._talk.last[channel])
        state.last_sound = last
        end = (last + 1) * HOP_S
        state.say((index + 1) * HOP_S, "speech_end", f"voice until {end:.2f} s", end_s=end)


def select(hop: Hop, columns: Int) -> Hop:
    """Give the hop of some of its columns."""
    return Hop(
        hop.channels[columns], hop.index[columns], hop.values[:, columns], hop.analysed[columns],
        hop.digital[columns], hop.lost[columns], hop.tainted[columns], hop.active[columns], hop.voice[columns],
        hop.locked[columns], hop.history, hop.ends[columns],
    )  # fmt: skip


def _as_int16(
    samples: NDArray[Any], lost: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None]:
    """Take floats for 16-bit values: clipped, infinite ones too; what is no number is lost."""
    bad = np.isnan(samples)
    gone = (bad if lost is None else lost | bad) if bad.any() else lost
    clean = np.clip(np.nan_to_num(samples, nan=0.0, posinf=32767, neginf=-32768), -32768, 32767)
    return np.rint(clean).astype(np.int16), gone


__all__ = ["RATE_HZ", "ChannelClosed", "ChannelInUse", "DetectorBank"]
