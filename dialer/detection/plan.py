"""Tone plans: what busy, congestion, ringback and number unobtainable sound like, country by country, as data.

One TOML file a country stands in `country/`; further folders may add countries, replace them, or define tones of
one's own, either by cadence (`[[tone]]`) or slot by slot as windows (`[[slot]]`: one to three segments, one or two
frequencies each).
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from dialer.detection.settings import DetectionError

_HERE: Final = Path(__file__).parent / "country"
_FREQ_TOLERANCE: Final = 0.015
_ALTERNATING_TOLERANCE: Final = 0.008  # Australia's congestion: 425 and 420 Hz in turns
_TIME_TOLERANCE: Final = 0.15
_TIME_TOLERANCE_S: Final = 0.045
VERDICTS: Final = frozenset({"busy", "congestion", "ringback", "nu_tone", "dial", "sit_invalid", "sit", "fax", "pager"})


class UnreadablePlan(DetectionError):  # noqa: N818 - the name is the message
    """A tone plan file cannot be read."""


@dataclass(frozen=True, slots=True)
class Window:
    """A range, both ends included, and its nominal value."""

    low: float
    high: float
    nominal: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Step:
    """One burst of a cadence and the silence after it."""

    freqs_hz: tuple[Window, ...]
    on_s: Window
    off_s: Window | None  # None: the tone goes on
    level_db: float = 0.0  # of this burst against the first


@dataclass(frozen=True, slots=True)
class Pattern:
    """A tone: its bursts in order, and what it means."""

    country: str
    name: str
    verdict: str
    steps: tuple[Step, ...]
    period_s: float = field(init=False)  # nominal length of one cycle

    def __post_init__(self) -> None:
        period = sum(step.on_s.nominal + (step.off_s.nominal if step.off_s else 0.0) for step in self.steps)
        object.__setattr__(self, "period_s", period)

    @property
    def steady(self) -> bool:
        """Tell whether the tone has no pause."""
        return self.steps[-1].off_s is None

    @property
    def label(self) -> str:
        """Name the tone with its country."""
        return f"{self.country} {self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All patterns of one country."""

    country: str
    name: str
    sit: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PatternSet:
    """The patterns to listen for, and which of them go with each set of frequencies."""

    patterns: tuple[Pattern, ...]
    by_tuning: Mapping[tuple[Window, ...], tuple[Pattern, ...]]

    @classmethod
    def of(cls, patterns: Iterable[Pattern]) -> "PatternSet":
        """Sort patterns by their frequencies."""
        known = tuple(patterns)
        tunings: dict[tuple[Window, ...], list[Pattern]] = {}
        for pattern in known:
            for freqs in dict.fromkeys(step.freqs_hz for step in pattern.steps):
                tunings.setdefault(freqs, []).append(pattern)
        return cls(known, {freqs: tuple(group) for freqs, group in tunings.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """All plans, and the hash of what they say."""

    plans: Mapping[str, Plan]
    sets: Mapping[str, PatternSet]  # by country; "": all
    digest: str

    def patterns(self, country: str | None) -> PatternSet:
        """Give the patterns to listen for: the country's alone, or all when it is unknown."""
        return self.sets.get((country or "").upper()) or self.sets[""]

    def sit(self, country: str | None) -> str:
        """Give the verdict of an uncoded special information tone in this country."""
        plan = self.plans.get((country or "").upper())
        return plan.sit if plan else "sit"


@cache
def load(folders: tuple[Path, ...] = ()) -> Atlas:
    """Read the plans of the package, then those of `folders`, which may replace countries.

    Raises:
        UnreadablePlan: when a file is no TOML or not a tone plan; says which file, which tone and what is wrong.
    """
    plans: dict[str, Plan] = {}
    digest = hashlib.sha256()
    for folder in (_HERE, *folders):
        files = sorted(folder.glob("*.toml"))
        if not files and folder != _HERE:
            raise UnreadablePlan(f"{folder}: no *.toml tone plan in this folder")
        for file in files:
            text = file.read_bytes()
            digest.update(text)
            plan = _read(file, text.decode())
            plans[plan.country] = plan
    sets = {code: PatternSet.of(plan.patterns) for code, plan in plans.items()}
    sets[""] = PatternSet.of(pattern for code in sorted(plans) for pattern in plans[code].patterns)
    return Atlas(plans, sets, digest.hexdigest()[:16])


def _read(file: Path, text: str) -> Plan:
    try:
        data = tomllib.loads(text)
        country = str(data["country"]).upper()
        patterns = [_tone(country, tone) for tone in data.get("tone", ())]
        patterns += [_slot(country, slot) for slot in data.get("slot", ())]
        return Plan(country, str(data.get("name", country)), str(data.get("sit", "sit")), tuple(patterns))
    except KeyError as missing:
        raise UnreadablePlan(f"{file}: key {missing} is missing") from missing
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as fault:
        raise UnreadablePlan(f"{file}: {fault}") from fault


def _around(nominal: float, share: float, least: float) -> Window:
    margin = max(nominal * share, least)
    return Window(max(0.0, nominal - margin), nominal + margin, nominal)


def _freqs(values: Iterable[float], tolerance: float) -> tuple[Window, ...]:
    windows = tuple(_around(float(f), tolerance, 0.0) for f in values)
    if not windows or any(not 100 <= w.nominal <= 3500 for w in windows):
        raise ValueError("frequencies_hz must hold one or more frequencies of 100..3500 Hz")
    return windows


def _verdict(entry: Mapping[str, Any]) -> str:
    verdict = str(entry["verdict"])
    if verdict not in VERDICTS:
        raise ValueError(f"tone {entry.get('name')!r}: verdict {verdict!r} is none of {', '.join(sorted(VERDICTS))}")
    return verdict


def _tone(country: str, tone: Mapping[str, Any]) -> Pattern:
    """Make a pattern of a tone given by nominal frequencies and cadence."""
    cadence = [float(s) for s in tone["cadence_s"]]
    if len(cadence) % 2:
        raise ValueError(f"tone {tone.get('name')!r}: cadence_s must hold pairs of on and off")
    given = tone["frequencies_hz"]
    bursts = given if given and isinstance(given[0], list) else [given] * max(1, len(cadence) // 2)
    tolerance = _FREQ_TOLERANCE if all(values == bursts[0] for values in bursts) else _ALTERNATING_TOLERANCE
    freqs = [_freqs(values, tolerance) for values in bursts]
    freqs = [freqs[0] if f == freqs[0] else f for f in freqs]  # one identity for one tuning
    levels = [float(level) for level in tone.get("levels_db", ())] or [0.0] * (len(cadence) // 2)
    times = [_around(s, _TIME_TOLERANCE, _TIME_TOLERANCE_S) for s in cadence]
    steps = [
        Step(*parts) for parts in zip(freqs, times[::2], times[1::2], levels, strict=True)
    ] if cadence else [Step(freqs[0], Window(2.2, 1e9, 3.0), None)]  # fmt: skip
    return Pattern(country, str(tone["name"]), _verdict(tone), tuple(steps))


def _slot(country: str, slot: Mapping[str, Any]) -> Pattern:
    """Make a pattern of a tone given as windows.

    Segments with f1_hz, f2_hz (optional), on_ms and off_ms, [low, high] each.
    """
    segments = slot["segment"]
    if not 1 <= len(segments) <= 3:
        raise ValueError(f"slot {slot.get('name')!r}: one to three segments, not {len(segments)}")
    steps = []
    for segment in segments:
        freqs = [_window(segment[key], 1.0) for key in ("f1_hz", "f2_hz") if key in segment]
        off = segment.get("off_ms")
        steps.append(Step(tuple(freqs), _window(segment["on_ms"], 1e-3), _window(off, 1e-3) if off else None))
    return Pattern(country, str(slot["name"]), _verdict(slot), tuple(steps))


def _window(pair: Any, unit: float) -> Window:
    low, high = (float(v) * unit for v in pair)
    if not 0 <= low <= high:
        raise ValueError(f"window {pair}: low must not exceed high")
    return Window(low, high, (low + high) / 2)
