import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.effect import SETTABLE, consequences
from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Callback
from dialer.callback.state import IN_QUEUE, POSITIONS, UNOWNED, Phase, State
from dialer.callback.transition import TRANSITIONS

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ANY = Callback(
    id="1-x", service="S", state=State.QUEUED, phase=Phase.WAITING, customer_number="1", desired_time=NOW,
    created_at=NOW, accepted_at=NOW, updated_at=NOW, node="n1", lease_until=LATER,
)  # fmt: skip


def follow(event, source, target, changes=None, **fields):
    before = dataclasses.replace(ANY, state=source[0], phase=source[1], **fields)
    return consequences(TRANSITIONS[event], before, target, LATER, changes or {})


WAITING, DIALING = (State.QUEUED, Phase.WAITING), (State.QUEUED, Phase.DIALING)
RETRY, PAUSED, SCHEDULED = (State.QUEUED, Phase.RETRY_WAIT), (State.PAUSED, None), (State.SCHEDULED, None)
COMPLETED = (State.COMPLETED, None)


def test_pausing_remembers_where_from_and_resuming_forgets():
    assert follow("T20", WAITING, PAUSED)["resume_state"] is State.QUEUED
    assert follow("T20", SCHEDULED, PAUSED)["resume_state"] is State.SCHEDULED
    assert follow("T20", WAITING, PAUSED)["paused_at"] == LATER
    resumed = follow("T23", PAUSED, WAITING, resume_state=State.QUEUED, paused_at=NOW)
    assert resumed["resume_state"] is None
    assert resumed["paused_at"] is None


def test_the_queue_position_is_taken_once_and_kept():
    assert follow("T05", (State.QUEUED, Phase.SUBMITTING), WAITING)["queued_at"] == LATER
    assert "queued_at" not in follow("T33", RETRY, WAITING, queued_at=NOW)


def test_completing_sets_reason_time_and_leaves_the_queue():
    fields = follow("T38", (State.ROUTING, Phase.AGENT_WAIT), COMPLETED)
    assert fields["reason"] == "FAIL_INTERACTION_DELETED"
    assert fields["completed_at"] == LATER
    assert fields["call_result"] == 21
    assert fields["in_queue"] is False
    assert fields["node"] is None


def test_a_reason_must_be_the_transitions_and_have_its_detail():
    with pytest.raises(InvalidTransition, match="no reason was given"):
        follow("T34", DIALING, COMPLETED)
    with pytest.raises(InvalidTransition, match="has no detail 'because'"):
        follow("T34", DIALING, COMPLETED, {"reason": "FAIL_CALL_TO_CUSTOMER", "reason_detail": "because"})
    fields = follow("T34", DIALING, COMPLETED, {"reason": "FAIL_CALL_TO_CUSTOMER", "reason_detail": "call_result:6"})
    assert fields["reason_detail"] == "call_result:6"


def test_snoozed_says_whether_it_is_snoozed_now():
    assert follow("T70", (State.PROCESSING, Phase.TALKING), (State.QUEUED, Phase.SNOOZED))["snoozed"] is True
    assert follow("T33", (State.QUEUED, Phase.SNOOZED), WAITING, snoozed=True)["snoozed"] is False


def test_an_answer_writes_its_result_unless_the_caller_has_another():
    target = (State.ROUTING, Phase.AGENT_WAIT)
    assert follow("T31", DIALING, target)["call_result"] == 33
    assert follow("T31", DIALING, target, {"call_result": 9})["call_result"] == 9


def test_a_transfer_is_remembered():
    place = (State.PROCESSING, Phase.TALKING)
    assert follow("T71", place, place)["transferred"] is True


def test_what_may_be_set_is_a_field():
    assert set(Callback.__dataclass_fields__) > SETTABLE


def test_a_reason_is_set_only_by_what_completes():
    with pytest.raises(InvalidTransition, match="T33 cannot set reason"):
        follow("T33", RETRY, WAITING, {"reason": "AGENT_CONNECTED"})
    with pytest.raises(InvalidTransition, match="T08 cannot set reason"):
        follow("T08", COMPLETED, COMPLETED, {"reason": "AGENT_CONNECTED"})


@given(st.sampled_from(sorted({*set(Callback.__dataclass_fields__) - SETTABLE, "nonsense"})))
def test_guarded_and_unknown_fields_cannot_be_set(name):
    with pytest.raises(InvalidTransition, match=f"cannot set {name}"):
        follow("T33", RETRY, WAITING, {name: None})


@given(st.data())
def test_every_transition_sets_place_time_queue_and_ownership_alike(data):
    row = data.draw(st.sampled_from([row for row in TRANSITIONS.values() if None not in row.sources and row.targets]))
    source = data.draw(st.sampled_from(sorted(row.sources, key=str)))
    targets = [target for target in row.targets_from(source) if target is not None]
    if not targets or row.number == "T13":
        return
    target = data.draw(st.sampled_from(targets))
    reason = {"reason": "AGENT_PREVIEW_CANCEL_AFTER_1REJECTS"} if row.number == "T42" else {}
    reason = {"reason": str(row.reasons[0])} if len(row.reasons) > 1 else reason
    fields = follow(row.number, source, target, reason if target == COMPLETED else {})
    assert (fields["state"], fields["phase"]) == target
    assert target in POSITIONS
    assert fields["in_queue"] == (target in IN_QUEUE)
    assert fields["last_event"] == row.number
    assert (fields.get("lease_until", LATER) is None) == (target in UNOWNED)


def test_rescheduling_while_paused_needs_a_scheduled_callback():
    with pytest.raises(InvalidTransition, match="resume state QUEUED"):
        follow("T13", PAUSED, PAUSED, resume_state=State.QUEUED)
    assert follow("T13", PAUSED, PAUSED, resume_state=State.SCHEDULED)["state"] is State.PAUSED
