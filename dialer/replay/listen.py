"""Plays legs to a detector bank, many at once, as the tap of a live call would."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dialer.detection import DetectionSettings, DetectorBank, Evidence, Finding, Verdict
from dialer.detection.answer import AnswerClassifier
from dialer.replay.leg import FRAME, RATE, Block, Leg, with_losses
from dialer.replay.recording import Raw, open_recording
from dialer.replay.result import LegResult

MAY_BEEP = frozenset({"human", "machine"})
"""Verdicts that a later beep may correct to `machine_beep`."""

PUSH = 20 * FRAME
"""Samples pushed at once: long enough to be quick, short enough to stop soon after the verdict."""

Phase = Literal["answered", "early"]

Mark = float | Literal["recording", "never"]
"""When the call was answered: seconds from the start; `recording`: as the recording itself says, else at 0; `never`."""


@dataclass(frozen=True)
class Task:
    """A recording to replay.

    Attributes:
        path: the file.
        answer: when the call was answered.
        country: two-letter code of the tone plan, None when unknown.
        raw: law of a file without a header.
    """

    path: Path
    answer: Mark = "recording"
    country: str | None = None
    raw: Raw | None = None


def replay_file(task: Task, settings: DetectionSettings | None = None) -> list[LegResult]:
    """Replay one recording, all its legs side by side.

    Raises:
        RecordingError: when the file cannot be used.
    """
    return listen([(task, leg) for leg in open_recording(task.path, task.raw)], settings)


def replay_attempt(
    recording: Path,
    answered_at_s: float | None,
    country: str | None = None,
    settings: DetectionSettings | None = None,
    lost: Collection[int] = (),
) -> list[LegResult]:
    """Replay the recording of an attempt with the answer mark stored with it.

    Args:
        recording: the file the attempt names.
        answered_at_s: seconds from the start of the recording to the answer, None when it was never answered.
        country: tone plan the live call used.
        settings: of the live call.
        lost: positions of frames that were lost on the way, in samples, as kept with it.

    Raises:
        RecordingError: when the recording is gone or damaged.
    """
    task = Task(recording, "never" if answered_at_s is None else answered_at_s, country)
    return listen([(task, with_losses(leg, lost)) for leg in open_recording(recording)], settings)


@dataclass
class _Playing:
    """A leg being played into a channel of the bank."""

    task: Task
    leg: Leg
    answer_sample: int | None
    blocks: Iterator[Block]
    held: Block
    position: int = 0
    lost_frames: int = 0
    findings: list[Finding] = field(default_factory=list)
    ended: bool = False
    listen_until_s: float = inf

    def find(self, finding: Finding, beep_limit_s: float) -> None:
        """Take a finding; after a verdict the bank says nothing more, but after a voice a beep may follow."""
        self.findings.append(finding)
        if isinstance(finding, Verdict):
            self.listen_until_s = finding.at_s + (beep_limit_s + 1.0 if finding.name in MAY_BEEP else 0.0)

    @property
    def listening(self) -> bool:
        """Whether the bank may still say something."""
        return self.position / RATE <= self.listen_until_s

    def take(self, most: int) -> Block:
        """The next samples, at most `most` and never across the answer; an empty block at the end."""
        while len(self.held.samples) == 0 and not self.ended:
            following = next(self.blocks, None)
            self.ended = following is None
            self.held = following or self.held
        if self.answer_sample is not None and self.position < self.answer_sample:
            most = min(most, self.answer_sample - self.position)
        block, self.held = _split(self.held, most)
        self.position += len(block.samples)
        self.lost_frames += int(block.lost.sum())
        return block


def _split(block: Block, count: int) -> tuple[Block, Block]:
    """Cut a block; a frame that is cut is lost in both halves if it was lost."""
    frames = -(-count // FRAME)
    return (
        Block(block.samples[:count], block.lost[:frames]),
        Block(block.samples[count:], block.lost[count // FRAME :]),
    )


NOTHING = Block(np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.bool_))


def _playing(task: Task, leg: Leg) -> _Playing:
    mark = task.answer
    if mark == "recording":
        mark = leg.answered_at_s or 0.0
    answer = None if mark == "never" else round(mark * RATE)
    if answer is not None and leg.codec.startswith("RTP"):
        answer = -(-answer // FRAME) * FRAME  # lost frames are counted from a whole frame
    return _Playing(task, leg, answer, leg.blocks(), NOTHING)


def listen(
    legs: Sequence[tuple[Task, Leg]],
    settings: DetectionSettings | None = None,
    *,
    classifier: AnswerClassifier | None = None,
    block: int = PUSH,
) -> list[LegResult]:
    """Play legs to one bank, each in a channel of its own.

    Args:
        legs: what to play; one channel each.
        settings: of the bank; the country of a task takes precedence.
        classifier: tells people from machines; the bank's own when None.
        block: samples pushed at once; the result does not depend on it.

    Returns:
        One result a leg, in the order given.

    Raises:
        RecordingError: when audio turns out to be damaged.
    """
    bank = DetectorBank(len(legs), settings or DetectionSettings(), classifier)
    playings = [_playing(task, leg) for task, leg in legs]
    for channel, playing in enumerate(playings):
        _open(bank, channel, playing)
    playing_on = list(range(len(legs)))
    while playing_on:
        taken = {channel: playings[channel].take(block) for channel in playing_on}
        for channel in [channel for channel, piece in taken.items() if len(piece.samples) == 0]:
            playings[channel].findings.extend(bank.finish(channel))
            bank.close(channel)
            playing_on.remove(channel)
        listening = [channel for channel in playing_on if playings[channel].listening]
        if listening:
            _push(bank, listening, [taken[channel] for channel in listening], playings)
    return [_result(playing, bank.settings.early_limit_s) for playing in playings]


def _open(bank: DetectorBank, channel: int, playing: _Playing) -> None:
    phase: Phase = "answered" if playing.answer_sample == 0 else "early"
    if playing.answer_sample is None:
        playing.listen_until_s = bank.settings.early_limit_s
    bank.open(channel, country=playing.task.country, phase=phase)


def _push(bank: DetectorBank, channels: list[int], pieces: list[Block], playings: list[_Playing]) -> None:
    counts = np.array([len(piece.samples) for piece in pieces])
    samples = np.zeros((len(pieces), int(counts.max())), dtype=np.int16)
    lost: NDArray[np.bool_] = np.zeros((len(pieces), -(-samples.shape[1] // FRAME)), dtype=np.bool_)
    for row, piece in enumerate(pieces):
        samples[row, : len(piece.samples)] = piece.samples
        lost[row, : len(piece.lost)] = piece.lost
    findings = bank.push_rows(np.array(channels), samples, counts, lost if lost.any() else None)
    for finding in findings:
        playings[finding.channel].find(finding, bank.settings.beep_limit_s)
    for channel in channels:
        playing = playings[channel]
        if playing.answer_sample is not None and 0 < playing.answer_sample == playing.position:
            bank.answer(channel)


def _result(playing: _Playing, early_limit_s: float) -> LegResult:
    duration_s = playing.position / RATE
    answered = playing.answer_sample is not None and playing.answer_sample <= playing.position
    notes = playing.leg.notes
    if playing.answer_sample is None and duration_s > playing.listen_until_s >= early_limit_s:
        notes = (*notes, f"listened to the first {playing.listen_until_s:g} s only")
    if playing.answer_sample is not None and not answered:
        notes = (*notes, f"the answer mark lies behind the end ({playing.answer_sample / RATE:.3f} s): never answered")
    return LegResult(
        file=str(playing.task.path),
        leg=playing.leg.name,
        codec=playing.leg.codec,
        duration_s=duration_s,
        answered_at_s=(playing.answer_sample or 0) / RATE if answered else None,
        verdicts=tuple(each for each in playing.findings if isinstance(each, Verdict)),
        evidence=tuple(each for each in playing.findings if isinstance(each, Evidence)),
        lost_s=playing.lost_frames * FRAME / RATE,
        notes=notes,
    )
