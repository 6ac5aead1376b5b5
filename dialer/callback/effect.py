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

GUARDED = frozenset(
    {"id", "service", "state", "phase", "version", "created_at", "updated_at", "last_event", "in_queue"}
)
"""Fields that no caller may set with a transition."""


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
        changes: Further fields to set; they win over derived values.

    Raises:
        InvalidTransition: when a field is not the caller's to set, the reason is not the transition's, or
            `resume_state` does not allow it.
    """
    unknown = set(changes) - set(Callback.__dataclass_fields__)
    forbidden = GUARDED & set(changes)
    if unknown or forbidden:
        names = ", ".join(sorted(unknown | forbidden))
        raise InvalidTransition(f"{row.number} cannot set {names}", event=row.number)
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
    if target[0] is State.COMPLETED and before.state is not State.COMPLETED:
        fields |= _completion(row, now, fields)
    _check_resume(row, before, target)
    return fields


def _of_place(before: Callback, target: Position, now: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    state, phase = target
    if target in UNOWNED:
        fields |= {"node": None, "lease_until": None}
    if phase is Phase.WAITING and before.queued_at is None:
        fields["queued_at"] = now
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
