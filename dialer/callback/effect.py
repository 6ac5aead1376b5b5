"""What a transition does to the fields of a callback beyond its state: pure consequences of the table.

Source: spec records sections 2, 3 and 8.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dialer.callback.call_result import NEVER_COUNTED, CallResult, Policy
from dialer.callback.errors import InvalidTransition
from dialer.callback.reason import is_detail
from dialer.callback.record import Callback
from dialer.callback.state import IN_QUEUE, UNOWNED, Phase, Position, State
from dialer.callback.transition import Transition, check, completion_reason

FREE_LIMIT = 10
"""Results of policy `free` in a row that do not count (records section 8, rule 1)."""

SETTABLE = frozenset(
    {
        *(
            "reason",
            "reason_detail",
            "type",
            "desired_time",
            "expires_at",
            "deadline_at",
            "next_dial_at",
            "call_result",
        ),
        *("agent_id", "agents_rejected", "target", "target_index", "priority", "channel", "language", "offer"),
        *("user_data", "props", "lookup", "push_targets", "origination_interaction_id", "survey_route_point"),
        *("cancelled_by", "rescheduled_by", "recreated_by", "replaced_by", "parent_id", "root_id"),
        *("name_recording", "access", "region"),
    }
)
"""Fields that a caller may set with a transition; all others follow from it."""

ON_COMPLETION = frozenset({"reason", "reason_detail"})
"""Settable only by what completes the callback."""


def counts(result: CallResult, free_in_a_row: int) -> bool:
    """Whether an attempt that ended with `result` raises `attempts` (records section 8, rules 1 and 2).

    Args:
        result: How the attempt ended.
        free_in_a_row: Uncounted free results directly before it.
    """
    if result in NEVER_COUNTED:
        return False
    return result.info.policy is not Policy.FREE or free_in_a_row >= FREE_LIMIT


def consequences(
    row: Transition, before: Callback, target: Position, now: datetime, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """All fields that `row` changes, the caller's own `changes` included.

    Args:
        row: The transition, already resolved from `before` to `target`.
        before: The callback as it is.
        target: Where it goes.
        now: Time of the change.
        changes: Further fields to set, of `SETTABLE`; they win over derived values.

    Raises:
        InvalidTransition: when a field is not the caller's to set, the reason is not the transition's, or
            `resume_state` does not allow it.
    """
    completes = target[0] is State.COMPLETED and before.state is not State.COMPLETED
    _check_settable(row, changes, completes=completes)
    fields: dict[str, Any] = {
        "state": target[0],
        "phase": target[1],
        "updated_at": now,
        "last_event": row.number,
        "in_queue": target in IN_QUEUE,
    }
    fields |= _of_place(before, target, now)
    if row.number == "T71":
        fields["transferred"] = True
    if row.call_result is not None:
        fields["call_result"] = row.call_result
    fields |= changes
    if completes:
        fields |= _completion(row, now, fields)
    _check_resume(row, before, target)
    return fields


def _check_settable(row: Transition, changes: Mapping[str, Any], *, completes: bool) -> None:
    refused = set(changes) - (SETTABLE if completes else SETTABLE - ON_COMPLETION)
    if refused:
        raise InvalidTransition(f"{row.number} cannot set {', '.join(sorted(refused))}", event=row.number)


def _of_place(before: Callback, target: Position, now: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    state, phase = target
    if target in UNOWNED:
        fields |= {"node": None, "lease_until": None}
    if phase is Phase.WAITING and before.queued_at is None:
        fields["queued_at"] = min(now, before.desired_time) if before.state is State.PAUSED else now
    if phase is Phase.WAITING and before.next_dial_at is not None:
        fields["next_dial_at"] = None
    if (phase is Phase.SNOOZED) != before.snoozed:
        fields["snoozed"] = phase is Phase.SNOOZED
    if state is State.PAUSED and before.state is not State.PAUSED:
        resume = State.SCHEDULED if before.state is State.SCHEDULED else State.QUEUED
        fields |= {"resume_state": resume, "paused_at": now}
    if before.state is State.PAUSED and state is not State.PAUSED:
        fields |= {"resume_state": None, "paused_at": None}
    return fields


def _completion(row: Transition, now: datetime, fields: Mapping[str, Any]) -> dict[str, Any]:
    reason = completion_reason(row, fields.get("reason"))
    detail = fields.get("reason_detail")
    if not is_detail(reason, detail):
        raise InvalidTransition(f"{row.number}: reason {reason} has no detail {detail!r}", event=row.number)
    return {
        "reason": reason,
        "reason_detail": detail,
        "completed_at": now,
        "next_dial_at": None,
    }


def _check_resume(row: Transition, before: Callback, target: Position) -> None:
    if before.state is State.PAUSED:
        check(row.number, before.state, before.phase, *target, resume_state=before.resume_state)
