"""Call-in requests in the database: a number handed out, found again by who calls, and taken back.

Each function is one transaction of its own; the caller commits.
"""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dialer.callback.call_in import AccessWish, CallInRequest, CallInState
from dialer.callback.state import State
from dialer.store import schema, transaction
from dialer.store.errors import NoNumberFree, RequestGone
from dialer.store.operation import BeginAttempt, Create

KEPT = timedelta(days=14)  # records section 11
LONGEST_CALL = timedelta(days=1)  # a call without a callback that is matched for so long was lost with its node
CODE_TRIES = 50  # at 10,000 codes of 4 digits and 9,000 in use, one in 200 hand-outs would still fail

_C = schema.call_in.c
_N = schema.call_in_number.c
_FIELDS = tuple(CallInRequest.__dataclass_fields__)
_ACTIVE = _C.state == sa.literal_column("'ACTIVE'")
_COLUMNS = tuple(_C[name] for name in _FIELDS)


def to_request(row: Sequence[Any]) -> CallInRequest:
    """A row read as the fields of a request."""
    values = dict(zip(_FIELDS, row, strict=True))
    return CallInRequest(**{**values, "state": CallInState(values["state"]), "user_data": values["user_data"] or {}})


def select(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Requests that fit, newest first."""
    return sa.select(*_COLUMNS).where(*conditions).order_by(_C.created_at.desc(), _C.id)


def active_at(numbers: Sequence[str]) -> sa.Select[Any]:
    """Active requests of these numbers, oldest first."""
    return sa.select(*_COLUMNS).where(_ACTIVE, _C.to_number.in_(numbers)).order_by(_C.created_at, _C.id)


def hand_out(connection: sa.Connection, wish: AccessWish, now: datetime) -> CallInRequest:
    """Give the group's number that was used longest ago, with a code of its own if wanted.

    Raises:
        NoNumberFree: when every number with Unique DNIS is in use, or no code is left.
    """
    _lock(connection, wish.group)
    sweep(connection, now)
    if wish.callback_id is not None:
        _end_older(connection, wish.callback_id, now)
    number = _next_number(connection, wish)
    request = CallInRequest(
        id=str(uuid.uuid4()),
        service=wish.service,
        group=wish.group,
        to_number=number,
        description=wish.numbers[number],
        access_code=_free_code(connection, wish) if wish.code_length else None,
        from_number=wish.from_number,
        callback_id=wish.callback_id,
        user_data=wish.user_data,
        unique_dnis=wish.unique_dnis,
        created_at=now,
        expires_at=now + timedelta(seconds=wish.expiry_s),
    )
    connection.execute(sa.insert(schema.call_in).values(_row(request)))
    return request


def create_with_access(connection: sa.Connection, create: Create, wish: AccessWish, now: datetime) -> Any:
    """A callback together with its access number: both are there, or none.

    Raises:
        NoNumberFree: as `hand_out`.
    """
    request = hand_out(connection, replace(wish, callback_id=create.fields["id"]), now)
    fields = {**create.fields, "access": request.access()}
    return transaction.run(connection, [replace(create, fields=fields)])[0].answer()


def begin_called_in(connection: sa.Connection, request_id: str, ani: str | None, begin: BeginAttempt) -> Any:
    """T52: the request is matched and the callback's attempt begins, together; of two callers one gets it.

    Raises:
        RequestGone: when the request is no longer active.
    """
    take(connection, request_id, ani, begin.now)
    return transaction.run(connection, [begin])[0].answer()


def take(connection: sa.Connection, request_id: str, ani: str | None, now: datetime) -> None:
    """ACTIVE -> MATCHED.

    Raises:
        RequestGone: when it is not active any more.
    """
    taken = connection.execute(
        sa.update(schema.call_in)
        .where(_C.id == request_id, _ACTIVE, _C.expires_at > now)
        .values(state=CallInState.MATCHED.value, matched_at=now, ani=ani)
    )
    if not taken.rowcount:
        raise RequestGone(request_id)


def complete(connection: sa.Connection, request_id: str, now: datetime) -> None:
    """MATCHED -> COMPLETED: the call is over."""
    connection.execute(
        sa.update(schema.call_in)
        .where(_C.id == request_id, _C.state == CallInState.MATCHED.value)
        .values(state=CallInState.COMPLETED.value, completed_at=now)
    )


def count_failure(connection: sa.Connection, ids: Sequence[str]) -> None:
    """A failed match of the active requests that could have been meant."""
    connection.execute(sa.update(schema.call_in).where(_C.id.in_(ids), _ACTIVE).values(attempts=_C.attempts + 1))


def overdue(now: datetime) -> sa.Select[Any]:
    """One request that `sweep` would end, if there is any."""
    over = [sa.and_(state, when) for state, when, _ in _endings(now)]
    return sa.select(_C.id).where(sa.or_(*over)).limit(1)


def sweep(connection: sa.Connection, now: datetime) -> None:
    """End requests whose time is over, or whose callback has ended."""
    for state, when, after in _endings(now):
        values = {"state": after.value, "completed_at": now}
        connection.execute(sa.update(schema.call_in).where(state, when).values(values))


def _endings(now: datetime) -> tuple[tuple[sa.ColumnElement[bool], sa.ColumnElement[bool], CallInState], ...]:
    """Which requests end as what; a matched one, when the node that had its call did not come to it."""
    done = _C.callback_id.in_(sa.select(schema.callback.c.id).where(schema.callback.c.state == State.COMPLETED.value))
    matched = _C.state == sa.literal_column("'MATCHED'")
    return (
        (_ACTIVE, _C.expires_at <= now, CallInState.EXPIRED),
        (_ACTIVE, done, CallInState.CANCELLED),
        (matched, done, CallInState.COMPLETED),
        (matched, sa.and_(_C.callback_id.is_(None), _C.matched_at <= now - LONGEST_CALL), CallInState.COMPLETED),
    )


def remove_old(connection: sa.Connection, now: datetime) -> None:
    """Delete what is older than its storage time."""
    connection.execute(sa.delete(schema.call_in).where(_C.created_at < now - KEPT, ~_ACTIVE))


def _end_older(connection: sa.Connection, callback_id: str, now: datetime) -> None:
    """A callback has one number at a time."""
    older = sa.update(schema.call_in).where(_ACTIVE, _C.callback_id == callback_id)
    connection.execute(older.values(state=CallInState.CANCELLED.value, completed_at=now))


def _lock(connection: sa.Connection, group: str) -> None:
    """One hand-out of a group after the other: SQLite's transactions always do, PostgreSQL's by an advisory lock."""
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))")
        connection.execute(lock, {"name": group})


def _next_number(connection: sa.Connection, wish: AccessWish) -> str:
    turns = {
        str(number): int(turn)
        for number, turn in connection.execute(sa.select(_N.number, _N.turn).where(_N.group == wish.group))
    }
    taken = set(_numbers_taken(connection, wish))
    free = [number for number in wish.numbers if number not in taken]
    if not free:
        raise NoNumberFree(wish.group, len(wish.numbers))
    chosen = min(free, key=lambda number: turns.get(number, 0))  # of equals the first in the group's order
    turn = max(turns.values(), default=0) + 1
    if chosen in turns:
        statement: Any = sa.update(schema.call_in_number).where(_N.group == wish.group, _N.number == chosen)
        connection.execute(statement.values(turn=turn))
    else:
        connection.execute(sa.insert(schema.call_in_number).values(group=wish.group, number=chosen, turn=turn))
    return chosen


def _numbers_taken(connection: sa.Connection, wish: AccessWish) -> Sequence[str]:
    """Numbers that somebody has for himself; with Unique DNIS, all that are in use."""
    held = sa.select(_C.to_number).where(_ACTIVE, sa.true() if wish.unique_dnis else _C.unique_dnis)
    return connection.scalars(held).all()


def _free_code(connection: sa.Connection, wish: AccessWish) -> str:
    used = set(connection.scalars(sa.select(_C.access_code).where(_ACTIVE, _C.group == wish.group)))
    for _ in range(CODE_TRIES):
        code = f"{secrets.randbelow(10**wish.code_length):0{wish.code_length}d}"
        if code not in used:
            return code
    raise NoNumberFree(wish.group, len(wish.numbers))


def _row(request: CallInRequest) -> Mapping[str, Any]:
    return {**asdict(request), "state": request.state.value, "user_data": dict(request.user_data) or None}
