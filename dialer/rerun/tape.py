"""A stored journal, read as a tape: what was given, when, and what was decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from dialer.callback.record import JournalEntry
from dialer.detection import Evidence, Finding, Verdict
from dialer.telephony import Ended, LegEnd, LegEvent, LegTimes, RtpStats

EVENTS: dict[str, type] = {kind.__name__: kind for kind in get_args(LegEvent)}


@dataclass(eq=False, slots=True)
class Given:
    """One thing that came from outside.

    Attributes:
        at_s: seconds since the run began.
        after: how many decisions the run had made before it.
        facts: as the journal has them.
        done: it has been given again.
    """

    at_s: float
    after: int
    facts: Mapping[str, Any]
    done: bool = False

    @property
    def what(self) -> str:
        """What kind of thing."""
        return str(self.facts["given"])


@dataclass(slots=True)
class Run:
    """What a node did with a callback in one go: from the line to the next retry or to the end.

    Attributes:
        began: wall time.
        last: wall time of its last step.
        given: what came from outside, in order.
        decisions: the steps that were ours.
    """

    run: str
    began: datetime
    last: datetime
    given: list[Given] = field(default_factory=list)
    decisions: list[JournalEntry] = field(default_factory=list)

    @property
    def transitions(self) -> list[str]:
        """The transitions made, in order."""
        return [str(entry.data["event"]) for entry in self.decisions if entry.kind == "state" and "event" in entry.data]

    def legs(self) -> list[str]:
        """Ids of the legs, in the order in which they were dialled."""
        return list(dict.fromkeys(str(given.facts["leg"]) for given in self.given if given.what == "event"))

    def of(self, *what: str) -> list[Given]:
        """Everything of some kinds, in order."""
        return [given for given in self.given if given.what in what]

    def put(self, entry: JournalEntry) -> None:
        """Adds a step."""
        self.last = max(self.last, entry.at)
        if "given" in entry.data:
            self.given.append(Given(entry.t_ms / 1000, len(self.decisions), entry.data))
        else:
            self.decisions.append(entry)


def runs_of(journal: Iterable[JournalEntry]) -> list[Run]:
    """Parts a callback's journal into its runs, in order of time. Steps of journals that name no run are left out."""
    runs: dict[str, Run] = {}
    for entry in journal:
        name = entry.data.get("run")
        if name is None:
            continue
        if name not in runs:
            runs[name] = Run(name, entry.at - timedelta(milliseconds=entry.t_ms), entry.at)
        runs[name].put(entry)
    return sorted(runs.values(), key=lambda run: run.began)


def event_of(facts: Mapping[str, Any], at: float) -> LegEvent:
    """A leg's event as it was told, at a new time.

    Raises:
        KeyError: when the journal names an event that there is no more.
    """
    kind = EVENTS[facts["event"]]
    if kind is Ended:
        return Ended(at, end_of(facts))
    names = {name.name for name in dataclasses.fields(kind)} - {"at", "leg"}
    event: LegEvent = kind(at=at, **{name: facts[name] for name in names if name in facts})
    return event


def end_of(facts: Mapping[str, Any]) -> LegEnd:
    """How a leg ended, as far as the journal keeps it."""
    names = {name.name for name in dataclasses.fields(LegEnd)}
    kept = {name: value for name, value in facts.items() if name in names}
    kept["redirects"] = tuple(kept.get("redirects", ()))
    return LegEnd(times=LegTimes(), rtp=RtpStats(), **kept)


def finding_of(facts: Mapping[str, Any]) -> Finding:
    """What was heard, as far as a scenario decides by it."""
    if "evidence" in facts:
        heard = facts["evidence"]
        return Evidence(0, heard["at_s"], heard["kind"], heard["text"], dict(heard["data"]))
    names = ("name", "call_result", "confidence", "at_s", "phase", "probabilities", "parameters_hash")
    return Verdict(channel=0, answered_at_s=None, evidence=(), **{name: facts[name] for name in names})
