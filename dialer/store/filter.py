"""What to look for among callbacks, as a value, and the statement that finds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from dialer.callback.reason import Reason
from dialer.callback.state import Phase, State
from dialer.store import schema

_UNREACHABLE = frozenset({Reason.FAIL_CALL_TO_CUSTOMER.value, Reason.FAIL_USER_UNREACHABLE.value})

Order = Literal["desired_time", "created_at", "queue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFilter:
    """Which callbacks; everything given must hold. Empty sets and None restrict nothing.

    Attributes:
        numbers: Customer numbers in E.164.
        lookup: Lookup keys and their values.
        operand: Whether all lookup keys must fit or any.
        open_only: No COMPLETED ones.
        desired_from, desired_until, created_from, created_until, completed_from: Bounds; `from` included, `until` not.
        due_until: `next_dial_at` at or before this.
        expired_until: `expires_at` at or before this.
        deadline_until: `deadline_at` at or before this.
        queued_until: `queued_at` at or before this.
        order: Newest desired time first, newest creation first, or as the queue goes: priority, then `queued_at`.
        limit: At most so many.
    """

    ids: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    states: frozenset[State] = frozenset()
    phases: frozenset[Phase] = frozenset()
    reasons: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    lookup: Mapping[str, str] = field(default_factory=dict)
    operand: Literal["AND", "OR"] = "AND"
    nodes: frozenset[str] = frozenset()
    open_only: bool = False
    desired_from: datetime | None = None
    desired_until: datetime | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    completed_from: datetime | None = None
    due_until: datetime | None = None
    expired_until: datetime | None = None
    deadline_until: datetime | None = None
    queued_until: datetime | None = None
    order: Order = "desired_time"
    limit: int = 500


@dataclass(frozen=True, slots=True)
class Limit:
    """A new callback is refused when there are `at_most` callbacks of this kind already.

    Counted in the transaction that creates it, so of two for the last place exactly one gets it.
    """

    wanted: CallbackFilter
    at_most: int


def conditions(wanted: CallbackFilter) -> list[sa.ColumnElement[bool]]:
    """The filter as conditions on the callback table."""
    c = schema.callback.c
    found: list[sa.ColumnElement[bool]] = []
    reasons = wanted.reasons | (_UNREACHABLE if wanted.reasons & _UNREACHABLE else frozenset())
    for column, values in (
        (c.id, wanted.ids),
        (c.service, wanted.services),
        (c.state, wanted.states),
        (c.phase, wanted.phases),
        (c.reason, reasons),
        (c.type, wanted.types),
        (c.number_e164, wanted.numbers),
        (c.node, wanted.nodes),
    ):
        if values:
            found.append(column.in_(sorted(map(str, values))))
    if wanted.open_only:
        found.append(c.state != State.COMPLETED.value)
    return found + _bounds(wanted) + _lookup(wanted)


def _bounds(wanted: CallbackFilter) -> list[sa.ColumnElement[bool]]:
    c = schema.callback.c
    lower = ((c.desired_time, wanted.desired_from), (c.created_at, wanted.created_from))
    upper = ((c.desired_time, wanted.desired_until), (c.created_at, wanted.created_until))
    last = (
        (c.next_dial_at, wanted.due_until),
        (c.expires_at, wanted.expired_until),
        (c.deadline_at, wanted.deadline_until),
        (c.queued_at, wanted.queued_until),
    )
    return [
        *(column >= bound for column, bound in (*lower, (c.completed_at, wanted.completed_from)) if bound is not None),
        *(column < bound for column, bound in upper if bound is not None),
        *(column <= bound for column, bound in last if bound is not None),
    ]


def _lookup(wanted: CallbackFilter) -> list[sa.ColumnElement[bool]]:
    matches = [
        schema.callback.c.id.in_(
            sa.select(schema.lookup.c.callback_id).where(schema.lookup.c.key == key, schema.lookup.c.value == value)
        )
        for key, value in wanted.lookup.items()
    ]
    return [sa.or_(*matches)] if matches and wanted.operand == "OR" else list(matches)


def ordering(wanted: CallbackFilter) -> tuple[sa.ColumnElement[object], ...]:
    """How the filter sorts."""
    c = schema.callback.c
    match wanted.order:
        case "created_at":
            return (c.created_at.desc(), c.id)
        case "queue":
            return (c.priority.desc(), c.queued_at, c.created_at, c.id)
        case _:
            return (c.desired_time.desc(), c.id)
