import dataclasses
from datetime import UTC, datetime

import pytest

from dialer.callback.interaction import CallbackStatus, InteractionStatus, callback_status, interaction_status
from dialer.callback.reason import Reason
from dialer.callback.record import Callback
from dialer.callback.state import POSITIONS, Phase, State

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ANY = Callback(
    id="1-x", service="S", state=State.QUEUED, customer_number="1", desired_time=NOW, created_at=NOW, accepted_at=NOW,
    updated_at=NOW,
)  # fmt: skip


def at(state, phase=None, **fields):
    return dataclasses.replace(ANY, state=state, phase=phase, **fields)


def completed(reason, **fields):
    return at(State.COMPLETED, reason=reason, **fields)


# From records section 5, in the order of the table.
CASES = [
    (completed("AGENT_CONNECTED", replaced_by="1-y"), 12),
    (completed("FAIL_TIMEOUT_TTL"), 14),
    (completed("AGENT_CONNECTED"), 8),
    (completed("AGENT_PREVIEW_CANCEL_AFTER_3REJECTS"), 7),
    *((completed(reason), 10) for reason in ("FAIL_QUEUEING", "SUBMIT_ERROR", "SUBMIT_FAILED")),
    (at(State.QUEUED, Phase.EXPIRED), 10),
    *(
        (completed(reason), 11)
        for reason in (
            "FAIL_ERROR", "FAIL_LOAD_MESSAGE_FILE", "FAIL_IXN_UNKNOWN_MEDIA_TYPE", "FAIL_INCORRECT_CONFIG_MEDIA_TYPE",
            "FAIL_NO_CUSTOMER_NUMBER", "NOT_AVAILABLE",
        )
    ),
    *(
        (completed(reason), 9)
        for reason in (
            "CANCELLED", "CANCELLED_BY_ADMIN", "FAIL_INTERACTION_DELETED", "FAIL_TARGET_NOT_FOUND", "FAIL_FAX_REACHED",
            "FAIL_USER_NO_CONFIRM", "FAIL_AGENT_CONNECT", "FAIL_CALL_TO_CUSTOMER", "FAIL_USER_UNREACHABLE",
        )
    ),
    (at(State.PROCESSING, Phase.TALKING, transferred=True), 13),
    (at(State.PROCESSING, Phase.TALKING), 8),
    (at(State.PROCESSING, Phase.DISPOSITION), 8),
    (at(State.ROUTING, Phase.AGENT_PREVIEW), 5),
    (at(State.ROUTING, Phase.AGENT_RING), 5),
    (at(State.ROUTING, Phase.AGENT_WAIT), 4),
    (at(State.ROUTING, Phase.CUSTOMER_DIAL), 4),
    (at(State.QUEUED, Phase.DIALING), 4),
    (at(State.SCHEDULED), 2),
    (at(State.PAUSED, resume_state=State.QUEUED), 2),
    (at(State.QUEUED, Phase.RETRY_WAIT), 2),
    (at(State.QUEUED, Phase.SNOOZED), 2),
    (at(State.QUEUED, Phase.WAITING, last_event="T41"), 6),
    (at(State.QUEUED, Phase.WAITING, last_event="T05"), 3),
    (at(State.QUEUED, Phase.SUBMITTING), 1),
    (at(State.QUEUED, Phase.CONFIRM_WAIT, last_event="T60"), 3),
    (at(State.QUEUED, Phase.CALL_IN_WAIT), 3),
    (None, 0),
]  # fmt: skip


@pytest.mark.parametrize(("callback", "status"), CASES)
def test_the_first_matching_row_gives_the_callback_status(callback, status):
    assert callback_status(callback) == status


def test_every_place_and_every_reason_has_a_status():
    statuses = {callback_status(at(*place)) for place in POSITIONS}
    statuses |= {callback_status(completed(reason)) for reason in Reason}
    assert statuses <= set(CallbackStatus)
    assert {callback for callback, _ in CASES if callback is None} == {None}


@pytest.mark.parametrize(
    ("callback", "status"),
    [
        (at(State.SCHEDULED), 0),
        (at(State.PAUSED, resume_state=State.SCHEDULED), 0),
        (at(State.QUEUED, Phase.SUBMITTING), 0),
        (at(State.QUEUED, Phase.WAITING), 1),
        (at(State.QUEUED, Phase.RETRY_WAIT), 1),
        (at(State.PAUSED, resume_state=State.QUEUED), 1),
        (at(State.QUEUED, Phase.DIALING), 2),
        (at(State.ROUTING, Phase.AGENT_WAIT), 2),
        (at(State.PROCESSING, Phase.TALKING), 2),
        (at(State.COMPLETED), 3),
    ],
)
def test_the_coarse_status_follows_the_state(callback, status):
    assert interaction_status(callback) == InteractionStatus(status)
