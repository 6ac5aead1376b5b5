"""What is kept of a call's sound: the talk, when somebody asks for it, and what the detectors heard of the customer.

Files lie in `[media] recordings_dir`, a folder for each callback: `2-call.wav` is the talk of attempt 2 (customer left,
agents right), `2-heard.wav` what answered, from the first packet of early media on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dialer.scenario.hearing import Hearing
from dialer.scenario.story import Story
from dialer.telephony import CallRecording, Leg, Recording

log = structlog.get_logger(__name__)

HEARD, CALL = "heard", "call"


def recording_path(folder: Path, callback_id: str, attempt: int, kind: str, take: int = 1) -> Path:
    """Where a recording lies; `take` counts those of one kind within an attempt."""
    suffix = "" if take == 1 else f"-{take}"
    return folder / callback_id / f"{attempt}-{kind}{suffix}.wav"


@dataclass(slots=True)
class HeardRecorder:
    """Keeps what the detectors hear of one leg, so that `dialer replay --attempt` can let them hear it again."""

    story: Story
    path: Path
    country: str | None
    hearing: Hearing
    recording: Recording

    @classmethod
    def start(cls, folder: Path, story: Story, leg: Leg, hearing: Hearing, country: str | None) -> HeardRecorder | None:
        """Begins with the first packet of early media; None when the file cannot be made: the call goes on."""
        path = recording_path(folder, story.callback_id, story.attempt or 0, HEARD)
        try:
            recording = leg.record(path, from_start=True)
        except OSError as fault:
            tell_unwritable(path, fault)
            return None
        return cls(story, path, country, hearing, recording)

    def close(self) -> None:
        """Ends it."""
        self.recording.finish()

    def facts(self) -> dict[str, object]:
        """What the attempt keeps of it, enough to hear it again in the same way."""
        answer = self.hearing.answer_sample
        return {
            "file": str(self.path),
            "answered_at_s": None if answer is None else answer / 8000,
            "country": self.country,
            "lost": list(self.recording.lost),
        }


@dataclass(slots=True)
class CallRecorder:
    """Records one talk on request.

    Attributes:
        files: the call's recordings of talks begun so far, in order; grows.
        held: on hold nothing is recorded: what the two do not say to each other is not in the recording.
    """

    folder: Path
    story: Story
    customer: Leg
    files: list[Path]
    held: bool = False
    wished: bool = True
    _recording: CallRecording | None = None

    @property
    def state(self) -> str:
        """off, on, or pause."""
        if self._recording is None:
            return "off"
        return "on" if self.wished else "pause"

    def start(self, others: Sequence[Leg]) -> None:
        """Begins, or goes on after a pause.

        Raises:
            OSError: when the file cannot be made.
        """
        self.wished = True
        if self._recording is None:
            attempt = self.story.attempt or 0
            path = recording_path(self.folder, self.story.callback_id, attempt, CALL, len(self.files) + 1)
            self._recording = self.customer.record_with(others, path)
            self.files.append(path)
            self.story.tell("media", f"recording to {path.name}", file=str(path))
        self._apply()

    def pause(self) -> None:
        """What is said from now on is silence in the file."""
        self.wished = False
        self._apply()

    def hold(self, held: bool) -> None:
        """The customer is on hold, or is not any more."""
        self.held = held
        self._apply()

    def follow(self, others: Sequence[Leg]) -> None:
        """Somebody else is on the agents' side now."""
        if self._recording is not None:
            self._recording.follow(others)

    async def stop(self) -> None:
        """Ends the recording; safe to call again."""
        if self._recording is not None:
            recording, self._recording = self._recording, None
            await recording.stop()
            fault = f", then {recording.fault.strerror}" if recording.fault else ""
            words = f"recorded {recording.samples / 8000:.1f} s{fault}"
            self.story.given("media", words, "figures")

    def _apply(self) -> None:
        if self._recording is None:
            return
        silent = self.held or not self.wished
        if silent and not self._recording.paused:
            self._recording.pause()
        elif not silent and self._recording.paused:
            self._recording.resume()


def tell_unwritable(path: Path, fault: OSError) -> None:
    """Warns that a recording cannot be made."""
    log.warning(
        "recording_not_made", file=str(path), cause=fault.strerror, mend="check [media] recordings_dir and its disk"
    )
