"""The call legs of a callback, as its journal tells them: who was called, when, and what became of each.

A leg's result is that of the dial for the customer, and for an agent what the agent did with the call: transferred it,
shared it with a third party, or talked to its end. Source: spec records section 5 (children) and section 6 (1, 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dialer.callback.call_result import CallResult
from dialer.callback.record import JournalEntry
from dialer.callback.signalling import call_result_of_q850, call_result_of_status

CUSTOMER = "customer"
PASSED_ON = "T71"
FIRST_FAILURE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLeg:
    """One call leg.

    Attributes:
        id: its SIP Call-ID.
        who: `customer`, `agent ID`, or the number that was brought in.
        attempt: number of the attempt it belongs to; None outside of attempts.
    """

    id: str
    who: str
    started_at: datetime
    attempt: int | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    call_result: CallResult = CallResult.UNKNOWN

    @property
    def is_customer(self) -> bool:
        """Whether it is the customer's."""
        return self.who == CUSTOMER


def legs_of(journal: Iterable[JournalEntry]) -> list[CallLeg]:
    """The legs that a journal tells of, in the order in which they began."""
    legs: dict[str, CallLeg] = {}
    passed_on: list[datetime] = []
    for entry in journal:
        leg_id, who = entry.data.get("leg"), entry.data.get("who")
        if leg_id is not None and who is not None:
            known = legs.get(leg_id) or CallLeg(id=leg_id, who=who, started_at=entry.at, attempt=entry.attempt)
            legs[leg_id] = _after(known, entry)
        elif entry.kind == "state" and entry.data.get("event") == PASSED_ON:
            passed_on.append(entry.at)
    return _shared(_transferred(list(legs.values()), passed_on))


def _after(leg: CallLeg, entry: JournalEntry) -> CallLeg:
    match entry.data.get("event"):
        case "Answered":
            return replace(leg, answered_at=entry.at, call_result=CallResult.ANSWER)
        case "Ended":
            result = leg.call_result if leg.answered_at else _unanswered(entry.data)
            return replace(leg, ended_at=entry.at, call_result=result)
        case _:
            return leg


def _unanswered(data: Any) -> CallResult:
    """By the far end's word; a leg that we ended ourselves was dropped before an answer."""
    if data.get("ended_by") == "us":
        return CallResult.DROPPED_NO_ANSWER
    status = data.get("sip_status") or 0
    cause = call_result_of_q850(data.get("q850"))
    if cause is not None:
        return cause
    return call_result_of_status(status) if status >= FIRST_FAILURE else CallResult.DIAL_ERROR


def _transferred(legs: Sequence[CallLeg], passed_on: Iterable[datetime]) -> list[CallLeg]:
    """Marks who gave the call away: of the parties that had answered by then, all but the last one."""
    marked = list(legs)
    for at in passed_on:
        parties = [
            n for n, leg in enumerate(marked) if not leg.is_customer and leg.answered_at and leg.answered_at <= at
        ]
        parties.sort(key=lambda n: marked[n].answered_at or at)
        for n in parties[-2:-1]:
            marked[n] = replace(marked[n], call_result=CallResult.TRANSFERRED)
    return marked


def _shared(legs: Sequence[CallLeg]) -> list[CallLeg]:
    """Marks who talked beside somebody else and did not give the call away."""
    talked = [leg for leg in legs if not leg.is_customer and leg.call_result is CallResult.ANSWER]
    shared = {one.id for one in talked for other in talked if one is not other and _overlap(one, other)}
    return [replace(leg, call_result=CallResult.CONFERENCED) if leg.id in shared else leg for leg in legs]


def _overlap(one: CallLeg, other: CallLeg) -> bool:
    first, second = sorted((one, other), key=lambda leg: leg.answered_at or leg.started_at)
    assert second.answered_at is not None
    return first.ended_at is None or first.ended_at > second.answered_at
