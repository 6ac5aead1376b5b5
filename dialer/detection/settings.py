"""What may be set about detection, the named profiles, and the hash that makes a verdict repeatable."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final


class DetectionError(Exception):
    """Detection is set up or used wrongly."""


class UnknownProfile(DetectionError):  # noqa: N818 - the name is the message
    """There is no detection profile of this name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How sure the bank must be before it speaks, and how long it waits. Probabilities are of a machine."""

    machine_at: float  # P(machine) that ends the wait at once
    machine_after_s: float  # ... but not before so much time since the first voice
    human_at: tuple[float, ...]  # P(machine) at or below which each pause of `pauses_s` is a person's
    pauses_s: tuple[float, ...]  # silences after voice at which a person may be declared
    machine_at_limit: float  # P(machine) that is called machine when the time is up
    human_at_limit: float  # P(machine) below which it is called human when the time is up; between: undecided

    def __post_init__(self) -> None:
        if len(self.human_at) != len(self.pauses_s):
            raise DetectionError("profile: human_at and pauses_s must have the same length")


PROFILES: Final[dict[str, Profile]] = {
    # people first: a machine is called only when its greeting outlasts every person's, and a person soon
    "safe": Profile(
        machine_at=0.9985, machine_after_s=1.0, pauses_s=(0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
        human_at=(0.1, 0.2, 0.22, 0.25, 0.35, 0.75, 0.9, 0.97), machine_at_limit=0.97, human_at_limit=0.97,
    ),
    # at most 1 % of people taken for machines, half of them known 0.35 s after they fall silent
    "balanced": Profile(
        machine_at=0.99, machine_after_s=1.0, pauses_s=(0.25, 0.3, 0.6, 0.8, 0.9, 1.0, 1.2),
        human_at=(0.095, 0.165, 0.19, 0.25, 0.4, 0.6, 0.9), machine_at_limit=0.93, human_at_limit=0.93,
    ),
    # half of the machines known 1.3 s after their first voice, at the price of nearly every fourth person hung up on
    "fast": Profile(
        machine_at=0.73, machine_after_s=0.6, pauses_s=(0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
        human_at=(0.12, 0.27, 0.35, 0.4, 0.5, 0.57, 0.71), machine_at_limit=0.6, human_at_limit=0.6,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The settings of a bank.

    Raises:
        DetectionError: when a value can never work.
    """

    profile: str = "balanced"
    country: str | None = None  # ISO 3166 code of the tone plan heard first; None: every plan, by most common use
    rate: int = 8000  # of the samples pushed: 8000 or 16000
    answered_limit_s: float = 5.5  # from the first voice after the answer to a verdict at the latest
    silence_limit_s: float = 5.0  # from the answer to `silence`, nothing heard
    no_media_limit_s: float = 5.0  # from the answer to `no_media`, not one frame received
    beep_limit_s: float = 30.0  # how long a machine's beep is waited for
    early_limit_s: float = 120.0  # how long early media is listened to
    country_dirs: tuple[Path, ...] = ()  # folders with more tone plans, one TOML file a country
    profiles: dict[str, Profile] = field(default_factory=lambda: dict(PROFILES))

    def __post_init__(self) -> None:
        if self.rate not in (8000, 16000):
            raise DetectionError(f"rate {self.rate} Hz: the bank takes 8000 or 16000 Hz; resample other rates before")
        if self.profile not in self.profiles:
            raise UnknownProfile(f"profile {self.profile!r}: known are {', '.join(sorted(self.profiles))}")
        for name in ("answered_limit_s", "silence_limit_s", "no_media_limit_s", "beep_limit_s", "early_limit_s"):
            if not 0.5 <= getattr(self, name) <= 3600:
                raise DetectionError(f"{name} = {getattr(self, name)}: must lie in 0.5..3600 s")

    def digest(self, *parts: str) -> str:
        """Give the hash of everything that shapes a verdict: settings, and the digests of models and tone plans."""
        known = asdict(self)
        known["country_dirs"] = [str(p.name) for p in self.country_dirs]
        text = json.dumps([known, *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
