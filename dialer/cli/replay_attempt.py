"""`dialer replay --attempt`: the detector hears again what it heard of a call, and must come to the same verdict."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.callback.record import Attempt
from dialer.cli.config_option import load_config
from dialer.config import DialerConfig
from dialer.node import open_store
from dialer.replay.errors import RecordingError
from dialer.replay.listen import replay_attempt
from dialer.replay.result import LegResult
from dialer.scenario import HEARD, recording_path


class NoSuchAttempt(ValueError):  # noqa: N818 - what a user named is not there
    """There is no attempt of this name with a recording."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was kept of an attempt.

    Attributes:
        stored: the verdict's evidence, as the live call kept it.
        result: what is heard in the recording now.
    """

    attempt: Attempt
    stored: dict[str, Any]
    result: LegResult

    @property
    def words(self) -> str:
        """The live verdict, and whether it is the same."""
        if not self.stored.get("verdict"):
            return "live: no verdict"
        live = f"live: {self.stored['verdict']}, confidence {self.stored['confidence']:.3f}"
        return f"{live}: {'the same' if self.same else 'NOT the same'}"

    @property
    def same(self) -> bool:
        """Whether the verdict is the one of the live call, to its confidence and time."""
        verdict = next((each for each in self.result.verdicts if each.name == self.stored.get("verdict")), None)
        if verdict is None:
            return not self.stored.get("verdict") and self.result.verdict is None
        heard = (round(verdict.confidence, 4), round(verdict.at_s, 3), verdict.phase)
        return heard == tuple(self.stored[name] for name in ("confidence", "at_s", "phase"))


def hear_again(config_file: Path, name: str) -> Heard:
    """Replays an attempt.

    Args:
        config_file: the dialer's configuration.
        name: a callback's id, for its last attempt with a recording; or the id, a slash and the attempt's number.

    Raises:
        NoSuchAttempt: when there is none.
        RecordingError: when its recording is gone or damaged.
    """
    config = load_config(config_file)
    attempt = asyncio.run(_find(config, name))
    kept = _kept(config, attempt)
    [result] = replay_attempt(
        Path(kept["file"]), kept["answered_at_s"], kept["country"], config.detection_settings(), kept["lost"]
    )
    return Heard(attempt, dict(attempt.evidence), result)


async def _find(config: DialerConfig, name: str) -> Attempt:
    callback_id, _, number = name.partition("/")
    async with open_store(config) as store:
        attempts = await store.attempts(callback_id)
    if number:
        attempts = [attempt for attempt in attempts if str(attempt.n) == number]
    else:
        attempts = [attempt for attempt in attempts if _file_of(config, attempt).is_file()]
    if not attempts:
        raise NoSuchAttempt(
            f"{name}: no such attempt with a recording; recordings are made of services with record_detection = true"
        )
    return attempts[-1]


def _kept(config: DialerConfig, attempt: Attempt) -> dict[str, Any]:
    """What the attempt says of its recording; one whose dialer was killed knows only where it lies."""
    unknown = {"answered_at_s": None, "country": config.detection.country, "lost": ()}
    return {**unknown, "file": str(_file_of(config, attempt)), **attempt.evidence.get("heard", {})}


def _file_of(config: DialerConfig, attempt: Attempt) -> Path:
    named = attempt.evidence.get("heard", {}).get("file")
    return Path(named) if named else recording_path(config.media.recordings_dir, attempt.callback_id, attempt.n, HEARD)


__all__ = ["Heard", "NoSuchAttempt", "RecordingError", "hear_again"]
