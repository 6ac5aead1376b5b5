"""What became of a row, read from the store, and how it differs from what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dialer.callback.record import Attempt, Callback, HistoryEntry
from dialer.callback.state import State
from dialer.store import Store
from tools.results.row import Dial, Row

RETRY_TOLERANCE_S = 0.2  # between the end of an attempt on our clock and the decision's own reading of it


@dataclass(frozen=True, slots=True)
class Seen:
    """A callback with its attempts and its history, as the store keeps them.

    Attributes:
        legs: kind and call_result of its legs, as the interaction resource shows them; None where nobody looked.
    """

    callback: Callback
    attempts: list[Attempt]
    history: list[HistoryEntry]
    legs: tuple[tuple[str, int], ...] | None = None

    @classmethod
    async def read(cls, store: Store, callback_id: str) -> Seen:
        """Reads it.

        Raises:
            LookupError: when there is no such callback.
        """
        while True:
            callback = await store.get(callback_id)
            if callback is None:
                raise LookupError(f"there is no callback {callback_id}")
            seen = cls(callback, await store.attempts(callback_id), await store.history(callback_id))
            if await store.get(callback_id) == callback:  # else it changed while it was read
                return seen

    @property
    def state(self) -> str:
        """Where the callback stands."""
        return str(self.callback.state)

    @property
    def completed(self) -> bool:
        """True when the callback and its legs have ended."""
        return self.callback.state is State.COMPLETED and all(not attempt.open for attempt in self.attempts)

    def differences(self, row: Row) -> list[str]:
        """What is not as the row expects, in words; empty when all is."""
        wrong = [f"{name}: {was!r} instead of {wanted!r}" for name, was, wanted in self._pairs(row) if was != wanted]
        return [*wrong, *self._retry(row), *self._reporting()]

    def _pairs(self, row: Row) -> Iterator[tuple[str, object, object]]:
        """What was and what should have been."""
        callback, expected = self.callback, row.expected
        yield "state", str(callback.state), expected.state
        yield "phase", callback.phase and str(callback.phase), expected.phase
        yield "reason", callback.reason, expected.reason
        yield "reason_detail", same_as(callback.reason_detail, expected.detail), expected.detail
        yield "call_result", int(callback.call_result), row.code
        yield "events", tuple(entry.event for entry in self.history), expected.events
        yield "attempts", callback.attempts, expected.attempts
        yield "agent", callback.agent_id is not None, expected.agent
        yield "legs", self.legs, row.legs
        yield "number of dials", len(self.attempts), len(expected.dials)
        for attempt, dial in zip(self.attempts, expected.dials, strict=False):
            yield f"dial {attempt.n}", seen_dial(attempt, dial), dial

    def _retry(self, row: Row) -> Iterator[str]:
        """The decision on the next dial."""
        planned, expected = self.callback.next_dial_at, row.expected.retry_s
        if (planned is None) != (expected is None):
            yield f"next_dial_at: {planned} where {expected} s was expected"
        if planned is not None and expected is not None:
            ended = self.attempts[-1].ended_at if self.attempts else self.history[-1].at
            delay = (planned - ended).total_seconds() if ended else -1.0
            if abs(delay - expected) > RETRY_TOLERANCE_S:
                yield f"next dial {delay:.1f} s after the last one instead of {expected:.1f} s"

    def _reporting(self) -> Iterator[str]:
        """What reports are made of must fit together (records.md §13)."""
        callback, attempts = self.callback, self.attempts
        if callback.dials != len(attempts):
            yield f"dials: {callback.dials}, but {len(attempts)} attempts are kept"
        if callback.first_dial_at != (attempts[0].started_at if attempts else None):
            yield f"first_dial_at: {callback.first_dial_at}"
        if (callback.completed_at is not None) != (callback.state is State.COMPLETED):
            yield f"completed_at: {callback.completed_at} in {callback.state}"
        if callback.completed_at and not callback.created_at <= callback.accepted_at <= callback.completed_at:
            yield "created, accepted and completed are not in order"
        for attempt in attempts:
            times = [attempt.started_at, attempt.answered_at, attempt.ended_at]
            known = [at for at in times if at is not None]
            if known != sorted(known):
                yield f"times of dial {attempt.n} are not in order: {times}"
        if [entry.to_state for entry in self.history][-1] is not callback.state:
            yield "the history does not end where the callback stands"


def seen_dial(attempt: Attempt, expected: Dial) -> Dial:
    """An attempt as the table writes it; a verdict that is one of several right ones is shown as expected."""
    verdict: str | frozenset[str] | None = attempt.verdict
    if isinstance(expected.verdict, frozenset) and attempt.verdict in expected.verdict:
        verdict = expected.verdict
    return Dial(
        result=None if attempt.call_result is None else int(attempt.call_result),
        dial_result=attempt.dial_result and str(attempt.dial_result),
        counted=attempt.counted,
        sip_status=attempt.sip_status,
        q850=attempt.q850,
        verdict=verdict,
        answered=attempt.answered_at is not None,
    )


def same_as(detail: str | None, pattern: str | None) -> str | None:
    """The pattern when the detail is of its form, else the detail itself."""
    return pattern if detail is not None and pattern is not None and re.fullmatch(pattern, detail) else detail
