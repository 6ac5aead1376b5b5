"""Call legs as a journal tells them, and what became of each."""

from datetime import UTC, datetime, timedelta

import pytest

from dialer.callback.call_leg import legs_of
from dialer.callback.call_result import CallResult
from dialer.callback.record import JournalEntry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDED = {"ended_by": "us", "sip_status": 200}


def at(seconds: float, kind: str = "sip", **data) -> JournalEntry:
    return JournalEntry(
        at=NOON + timedelta(seconds=seconds), t_ms=seconds * 1000, kind=kind, text="", attempt=1, data=data
    )


def leg(who: str, ringing: float, answered: float | None, ended: float, **end) -> list[JournalEntry]:
    told = [at(ringing, leg=who, who=who, event="Ringing")]
    if answered is not None:
        told.append(at(answered, leg=who, who=who, event="Answered"))
    return [*told, at(ended, leg=who, who=who, event="Ended", **(end or ENDED))]


def passed_on(seconds: float) -> JournalEntry:
    return at(seconds, "state", event="T71")


def results(*told: list[JournalEntry]) -> dict[str, int]:
    journal = sorted((entry for entries in told for entry in entries), key=lambda entry: entry.at)
    return {leg.who: int(leg.call_result) for leg in legs_of(journal)}


def test_an_agent_who_talked_to_the_end_has_the_result_of_an_answer():
    assert results(leg("customer", 0, 1, 9), leg("agent a", 2, 3, 9)) == {"customer": 33, "agent a": 33}


def test_who_sent_the_call_on_has_transferred_it():
    told = leg("customer", 0, 1, 20), leg("agent a", 2, 3, 5), leg("agent b", 6, 7, 20), [passed_on(7.1)]
    assert results(*told) == {"customer": 33, "agent a": 1, "agent b": 33}


def test_who_talked_with_the_next_one_before_has_transferred_it_too():
    told = leg("customer", 0, 1, 20), leg("agent a", 2, 3, 8), leg("agent b", 6, 7, 20), [passed_on(8)]
    assert results(*told) == {"customer": 33, "agent a": 1, "agent b": 33}


def test_each_of_two_transfers_has_its_own_giver():
    told = (
        leg("customer", 0, 1, 40), leg("agent a", 2, 3, 5), leg("agent b", 6, 7, 15), leg("agent c", 16, 17, 40),
        [passed_on(7.1), passed_on(17.1)],
    )  # fmt: skip
    assert results(*told) == {"customer": 33, "agent a": 1, "agent b": 1, "agent c": 33}


def test_who_talked_beside_a_third_party_was_in_a_conference():
    told = leg("customer", 0, 1, 20), leg("agent a", 2, 3, 20), leg("+16505550123", 6, 7, 12)
    assert results(*told) == {"customer": 33, "agent a": 2, "+16505550123": 2}


@pytest.mark.parametrize(
    ("end", "result"),
    [
        ({"ended_by": "us", "sip_status": 487}, CallResult.DROPPED_NO_ANSWER),
        ({"ended_by": "far", "sip_status": 486}, CallResult.BUSY),
        ({"ended_by": "far", "sip_status": 503, "q850": 38}, CallResult.SWITCH_ERROR),
        ({"ended_by": "network", "sip_status": None}, CallResult.DIAL_ERROR),
    ],
)
def test_a_leg_that_was_not_answered_has_the_result_of_its_end(end, result):
    assert results(leg("agent a", 2, None, 3, **end)) == {"agent a": result}


def test_a_leg_that_is_still_up_has_no_end():
    (up,) = legs_of([at(0, leg="x", who="customer", event="Ringing")])
    assert up.ended_at is None
    assert up.call_result is CallResult.UNKNOWN
