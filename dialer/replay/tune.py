"""Searches the settings of the human-or-machine decision on labelled calls.

The real bank judges every candidate, so what is printed is what would happen. Half of the voices choose, the other half
shows what the choice is worth: no voice is in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from math import exp, log
from typing import Any

from dialer.detection import DetectionError, DetectionSettings, Profile
from dialer.replay.batch import Workers
from dialer.replay.evaluation import evaluate
from dialer.replay.interval import Rate, Spread, rate, spread
from dialer.replay.judge import HUMAN, MACHINE, UNDECIDED, Judged
from dialer.replay.manifest import LabelledCall

SECONDS_PER_ERROR = 60.0
"""Mean delay of all calls that weighs as much as every machine being taken for a person."""

STEP_LOG_ODDS = 0.7
"""How far a probability is moved at a time: 0.9 becomes 0.82 or 0.95."""

STEP_FACTOR = 1.25
"""By how much a time is moved at a time."""


SETTINGS = ("answered_limit_s",)
"""Settings searched besides those of the profile."""


@dataclass(frozen=True)
class Worth:
    """What a setting is worth on some calls.

    Attributes:
        false_machine: people taken for machines.
        false_human: machines taken for people.
        undecided: of both.
        human_s: decision after the end of the greeting, people decided rightly.
        machine_s: decision after the first voice, machines decided rightly.
    """

    false_machine: Rate
    false_human: Rate
    undecided: Rate
    human_s: Spread
    machine_s: Spread

    def cost(self, ratio: float) -> float:
        """Errors and delay in one number; a person taken for a machine counts `ratio` times the opposite error."""
        errors = ratio * (self.false_machine["share"] or 0.0) + (self.false_human["share"] or 0.0)
        delay_s = (self.human_s["p50"] or 0.0) + (self.machine_s["p50"] or 0.0)
        return errors + 0.5 * (self.undecided["share"] or 0.0) + delay_s / SECONDS_PER_ERROR


def worth(judged: Sequence[Judged]) -> Worth:
    """The figures of judged calls that a setting changes."""
    humans = [each for each in judged if each.call.expected in HUMAN]
    machines = [each for each in judged if each.call.expected in MACHINE]
    both = [*humans, *machines]
    right_humans = [each for each in humans if each.acted in HUMAN]
    right_machines = [each for each in machines if each.acted in MACHINE]
    return Worth(
        false_machine=rate(sum(each.acted in MACHINE for each in humans), len(humans)),
        false_human=rate(sum(each.acted in HUMAN for each in machines), len(machines)),
        undecided=rate(sum(each.acted == UNDECIDED for each in both), len(both)),
        human_s=spread([time for each in right_humans if (time := each.after("greeting_end_s")) is not None]),
        machine_s=spread([time for each in right_machines if (time := each.after("onset_s")) is not None]),
    )


@dataclass(frozen=True)
class Candidate:
    """Settings that were tried.

    Attributes:
        change: what is different from the settings before, in words.
        settings: the settings.
        worth: on the voices that choose.
    """

    change: str
    settings: DetectionSettings
    worth: Worth


def answered_by_voice(calls: Sequence[LabelledCall]) -> list[LabelledCall]:
    """The calls on which the decision between human and machine is made."""
    return [call for call in calls if call.expected in HUMAN | MACHINE]


def halves(calls: Sequence[LabelledCall]) -> tuple[list[LabelledCall], list[LabelledCall]]:
    """Split calls so that no voice is in both halves.

    Voices that share a call stay together; groups are dealt out, largest first, to the half with fewer calls.
    """
    groups: list[tuple[set[str], list[LabelledCall]]] = []
    for call in calls:
        voices = _voices(call)
        joined, members = set(voices), [call]
        for group in [group for group in groups if group[0] & voices]:
            groups.remove(group)
            joined |= group[0]
            members = [*group[1], *members]
        groups.append((joined, members))
    first: list[LabelledCall] = []
    second: list[LabelledCall] = []
    for _, members in sorted(groups, key=lambda group: (-len(group[1]), sorted(group[0]))):
        (first if len(first) <= len(second) else second).extend(members)
    return first, second


def _voices(call: LabelledCall) -> set[str]:
    text = call.words.get("speaker") or call.words.get("source") or call.path
    return {part.strip() for part in text.replace("+", ",").split(",") if part.strip()}


def neighbours(settings: DetectionSettings) -> Iterator[tuple[str, DetectionSettings]]:
    """Settings one step away, each with the change in words; impossible ones are left out."""
    profile = settings.profiles[settings.profile]
    for direction in (-1, 1):
        for name in SETTINGS:
            moved = _moved(name, getattr(settings, name), direction)
            if moved is not None:
                yield f"{name} = {_words(moved)}", replace(settings, **_keyword(name, moved))
        for each in fields(profile):
            for words, moved in _moves(each.name, getattr(profile, each.name), direction):
                with suppress(DetectionError):
                    yield words, with_profile(settings, replace(profile, **{each.name: moved}))


def _moves(name: str, value: Any, direction: int) -> Iterator[tuple[str, Any]]:
    """A setting of the profile one step up or down; a series as a whole, and each of its values alone."""
    if not isinstance(value, tuple):
        moved = _moved(name, value, direction)
        if moved is not None and moved != value:
            yield f"{name} = {_words(moved)}", moved
        return
    if name == "pauses_s":  # the bank asks at fixed pauses
        return
    series = tuple(moved for each in value if (moved := _moved(name, each, direction)) is not None)
    if len(series) == len(value):
        yield f"{name}, all {'raised' if direction > 0 else 'lowered'}", series
        for place, each in enumerate(series):
            yield f"{name}[{place}] = {_words(each)}", (*value[:place], each, *value[place + 1 :])


def _moved(name: str, value: Any, direction: int) -> float | None:
    """A number one step up or down: probabilities in log odds, times by a factor; None for what is neither."""
    if not isinstance(value, float):
        return None
    if name.endswith("_s"):
        return round(value * STEP_FACTOR**direction, 3)
    if not 0 < value < 1:
        return None
    return round(1 / (1 + exp(-(log(value / (1 - value)) + STEP_LOG_ODDS * direction))), 4)


def _keyword(name: str, value: float) -> dict[str, Any]:
    """A setting as a keyword of `replace`."""
    return {name: value}


def _words(value: float) -> str:
    return f"{value:g}"


def with_profile(settings: DetectionSettings, profile: Profile) -> DetectionSettings:
    """The settings with their profile replaced."""
    return replace(settings, profiles={**settings.profiles, settings.profile: profile})


def search(
    calls: Sequence[LabelledCall],
    settings: DetectionSettings,
    *,
    ratio: float,
    rounds: int,
    workers: Workers = None,
    tried: Callable[[Candidate], None] = lambda _: None,
    enough: Callable[[], bool] = lambda: False,
) -> Candidate:
    """Go from the present settings to the best neighbour, as long as one is better.

    Args:
        calls: the calls that choose.
        settings: where to start.
        ratio: how many machines taken for people weigh as much as one person taken for a machine.
        rounds: at most so many steps.
        workers: who does it.
        tried: told of every candidate.
        enough: asked before every further candidate; true ends the search with the best so far.
    """

    def candidate(change: str, chosen: DetectionSettings) -> Candidate:
        found = Candidate(change, chosen, worth(evaluate(calls, chosen, workers=workers)))
        tried(found)
        return found

    best = candidate("as it is", settings)
    for _ in range(rounds):
        around = [candidate(change, chosen) for change, chosen in neighbours(best.settings) if not enough()]
        following = min(around, key=lambda each: each.worth.cost(ratio), default=best)
        if following.worth.cost(ratio) >= best.worth.cost(ratio):
            break
        best = following
    return best


CURVE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998)
"""Values of `machine_at` along the trade-off curve."""


def trade_off(
    calls: Sequence[LabelledCall], settings: DetectionSettings, *, workers: Workers = None
) -> Iterator[tuple[str, float, bool, Worth]]:
    """The trade-off curve of every named profile: `machine_at` moved, the rest of the profile as it is.

    Yields:
        Name of the profile, `machine_at`, whether that is the profile's own value, and what it is worth.
    """
    for name, profile in settings.profiles.items():
        for machine_at in sorted({*CURVE, profile.machine_at}):
            moved = replace(profile, machine_at=machine_at)
            chosen = with_profile(replace(settings, profile=name), moved)
            judged = evaluate(calls, chosen, workers=workers)
            yield name, machine_at, machine_at == profile.machine_at, worth(judged)
