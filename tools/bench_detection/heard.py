"""What one detector made of one labelled call, in the vocabulary of verdicts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    """One call through one detector.

    Attributes:
        path: the call, as the manifest names it.
        reports: verdict names in the order of time, each with the seconds from the start of the audio given.
        said: its own words.
    """

    path: str
    reports: tuple[tuple[str, float], ...] = ()
    said: str = ""

    @property
    def verdict(self) -> str:
        """The first report; `nothing` when the detector said nothing."""
        return self.reports[0][0] if self.reports else "nothing"

    @property
    def verdicts(self) -> frozenset[str]:
        """All that was reported."""
        return frozenset(verdict for verdict, _ in self.reports)


@dataclass(frozen=True)
class Run:
    """One detector over all calls.

    Attributes:
        name: of the detector.
        heard: what it made of each call, by the path in the manifest.
        audio_s: seconds of audio it was given.
        cpu_s: seconds of processor time it took, None when not measured.
        cpu_note: what that time covers.
        warning: why the run should not be trusted, empty when it can be.
    """

    name: str
    heard: dict[str, Heard]
    audio_s: float
    cpu_s: float | None
    cpu_note: str = ""
    warning: str = ""

    @property
    def channels_per_core(self) -> float | None:
        """Calls one core would carry in real time."""
        return self.audio_s / self.cpu_s if self.cpu_s else None
