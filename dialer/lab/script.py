"""What somebody at the other end does with a call, as data: a script is a tuple of steps, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Nothing:
    """Does nothing (before the answer: not even ringing, only the stack's own 100 Trying)."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Ring:
    """Rings: 180."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Early:
    """Opens the audio before the answer (183) and plays a sound to its end, or for a time."""

    sound: str
    for_s: float | None = None
    loop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answers: 200. Silent from then on."""


@dataclass(frozen=True, slots=True)
class AnswerMute:
    """Answers, and sends no RTP at all."""


@dataclass(frozen=True, slots=True)
class Say:
    """Plays a sound to its end, or for a time."""

    sound: str
    for_s: float | None = None
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """Is silent until somebody speaks (or anything is heard), at the longest this time."""

    at_most_s: float = 40.0


@dataclass(frozen=True, slots=True)
class Talk:
    """Talks with a voice that can be told from all others by correlation.

    Without a time, until the other side hangs up.
    """

    voice: str
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Is silent until the other side hangs up, at the longest this time."""

    at_most_s: float = 60.0


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hangs up an answered call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Ends the call before the answer with this status."""

    status: int
    q850: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Sends the caller to another number of the lab (302)."""

    number: str


Step = Nothing | Ring | Early | Answer | AnswerMute | Say | Listen | Talk | Wait | HangUp | Reject | Redirect
Script = tuple[Step, ...]
