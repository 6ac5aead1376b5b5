"""The first decision that came out otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from dialer.callback.record import JournalEntry

LANES = ("state", "routing", "treatment", "timer", "sip", "media", "detection")
"""Decisions of one kind are compared in their order; between kinds, threads may have told them in another one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a rerun left the way of the recording.

    Attributes:
        run: number of the run, 1 for the first.
        kind: of the step.
        at_s: seconds since the run began, in the recording; in the rerun when the recording has no such step.
        recorded, rerun: the step's text; None when there is none.
    """

    run: int
    kind: str
    at_s: float
    recorded: str | None
    rerun: str | None

    def __str__(self) -> str:
        return (
            f"run {self.run}, {self.at_s:.3f} s, {self.kind}: recorded {self.recorded or 'nothing more'!r}, "
            f"now {self.rerun or 'nothing more'!r}"
        )


def first_difference(run: int, recorded: Sequence[JournalEntry], again: Sequence[JournalEntry]) -> Difference | None:
    """Compares the decisions of a run with those of its rerun; None when they are the same."""
    found = [difference for lane in LANES if (difference := _in_lane(run, lane, recorded, again)) is not None]
    return min(found, key=lambda difference: difference.at_s, default=None)


def _in_lane(run: int, lane: str, recorded: Sequence[JournalEntry], again: Sequence[JournalEntry]) -> Difference | None:
    before = [entry for entry in recorded if entry.kind == lane]
    after = [entry for entry in again if entry.kind == lane]
    for was, is_now in zip_longest(before, after):
        if was is None or is_now is None or was.text != is_now.text:
            step = was or is_now
            assert step is not None
            return Difference(run, lane, step.t_ms / 1000, was.text if was else None, is_now.text if is_now else None)
    return None
