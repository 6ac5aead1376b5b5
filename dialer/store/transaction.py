"""One database transaction for a batch of operations: read the rows under lock, work on them, write, commit.

Synchronous Core code on one connection; the async engines run it by `run_sync`. Statements are few and the same for
every size of batch, so that they are compiled once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dialer.callback.errors import DialerError
from dialer.store import rows, schema
from dialer.store.desk import AttemptKey, Desk, Stage
from dialer.store.operation import Operation

_CALLBACK_COLUMNS = tuple(schema.callback.c[name] for name in rows.CALLBACK_FIELDS)
_ATTEMPT_COLUMNS = tuple(schema.attempt.c[name] for name in rows.ATTEMPT_FIELDS)

_BY_ID = (
    sa.select(*_CALLBACK_COLUMNS)
    .where(schema.callback.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(schema.callback.c.id)  # one order of locking for all nodes
    .with_for_update()
)
_OPEN_BY_CALLBACK = sa.select(*_ATTEMPT_COLUMNS).where(
    schema.attempt.c.ended_at.is_(None), schema.attempt.c.callback_id.in_(sa.bindparam("ids", expanding=True))
)
_OPEN_BY_NUMBER = sa.select(schema.attempt.c.number, schema.attempt.c.callback_id).where(
    schema.attempt.c.ended_at.is_(None), schema.attempt.c.number.in_(sa.bindparam("numbers", expanding=True))
)
_CREATE = sa.insert(schema.callback)
_BEGIN = sa.insert(schema.attempt)
_END = (
    sa.update(schema.attempt)
    .where(schema.attempt.c.callback_id == sa.bindparam("b_callback_id"), schema.attempt.c.n == sa.bindparam("b_n"))
    .values({name: sa.bindparam(name) for name in rows.ATTEMPT_FIELDS if name not in {"callback_id", "n"}})
)
_HISTORY = sa.insert(schema.history)
_JOURNAL = sa.insert(schema.journal)
_LOOKUP = sa.insert(schema.lookup)
_DROP_LOOKUP = sa.delete(schema.lookup).where(schema.lookup.c.callback_id == sa.bindparam("b_id"))
_REMOVE = sa.delete(schema.callback).where(schema.callback.c.id == sa.bindparam("b_id"))
_UPDATES: dict[frozenset[str], sa.Update] = {}


@dataclass(slots=True)
class Outcome:
    """What became of one operation: its value, or the exception that refused it."""

    value: Any = None
    refusal: DialerError | None = None

    def answer(self) -> Any:
        """Its value.

        Raises:
            DialerError: the refusal.
        """
        if self.refusal is not None:
            raise self.refusal
        return self.value


def run(connection: sa.Connection, operations: Sequence[Operation[Any]]) -> list[Outcome]:
    """Carry out operations within the transaction of `connection`; the caller commits.

    Returns:
        One outcome per operation, in order.

    Raises:
        sqlalchemy.exc.DBAPIError: when the database refuses; then nothing of the batch may be committed.
    """
    desk = read_desk(connection, operations)
    outcomes = [apply(desk, operation) for operation in operations]
    write_desk(connection, desk)
    return outcomes


def apply(desk: Desk, operation: Operation[Any]) -> Outcome:
    """One operation on the desk; a refusal leaves the desk as it was."""
    stage = Stage(desk)
    try:
        value = operation.apply(stage)
    except DialerError as refusal:
        return Outcome(refusal=refusal)
    desk.keep(stage)
    return Outcome(value)


def read_desk(connection: sa.Connection, operations: Sequence[Operation[Any]]) -> Desk:
    """Read what the operations need, rows locked."""
    desk = Desk()
    ids = {callback_id for operation in operations for callback_id in operation.ids}
    if not ids:
        return desk
    for row in connection.execute(_BY_ID, {"ids": sorted(ids)}):
        callback = rows.to_callback(row)
        desk.callbacks[callback.id] = callback
    on_call = [callback.id for callback in desk.callbacks.values() if callback.dials]
    if on_call:
        for row in connection.execute(_OPEN_BY_CALLBACK, {"ids": on_call}):
            attempt = rows.to_attempt(row)
            desk.open_attempts[attempt.callback_id] = attempt
            desk.numbers[attempt.number] = attempt.callback_id
    dialed = {callback_id for operation in operations if operation.dials for callback_id in operation.ids}
    numbers = sorted({desk.callbacks[callback_id].number for callback_id in dialed if callback_id in desk.callbacks})
    if numbers:
        desk.numbers.update(tuple(row) for row in connection.execute(_OPEN_BY_NUMBER, {"numbers": numbers}))
    return desk


def write_desk(connection: sa.Connection, desk: Desk) -> None:
    """Write what the operations have done."""
    removed = set(desk.removed)
    created = set(desk.created)
    if created:
        _create(connection, [desk.callbacks[callback_id] for callback_id in desk.created])
    _update(connection, desk, created | removed)
    _attempts(connection, desk.attempts, desk.begun)
    if desk.history:
        connection.execute(
            _HISTORY, [{"callback_id": key, **rows.encode(rows.record_values(entry))} for key, entry in desk.history]
        )
    if desk.journal:
        connection.execute(_JOURNAL, [rows.journal_row(key, entries) for key, entries in desk.journal])
    if removed:
        connection.execute(_REMOVE, [{"b_id": callback_id} for callback_id in desk.removed])


def _create(connection: sa.Connection, fresh: Sequence[Any]) -> None:
    connection.execute(_CREATE, [rows.encode(rows.record_values(callback)) for callback in fresh])
    _write_lookup(connection, fresh)


def _write_lookup(connection: sa.Connection, callbacks: Iterable[Any]) -> None:
    pairs = [
        {"callback_id": callback.id, "key": key, "value": value}
        for callback in callbacks
        for key, value in callback.lookup.items()
    ]
    if pairs:
        connection.execute(_LOOKUP, pairs)


def _update(connection: sa.Connection, desk: Desk, passed: set[str]) -> None:
    groups: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for callback_id, names in desk.touched.items():
        if callback_id in passed:
            continue
        callback = desk.callbacks[callback_id]
        values = rows.encode({name: getattr(callback, name) for name in names})
        groups[frozenset(names)].append({"b_id": callback_id, **values})
    for columns, parameters in groups.items():
        connection.execute(_update_of(columns), parameters)
        if "lookup" in columns:
            connection.execute(_DROP_LOOKUP, [{"b_id": row["b_id"]} for row in parameters])
            _write_lookup(connection, [desk.callbacks[row["b_id"]] for row in parameters])


def _update_of(names: frozenset[str]) -> sa.Update:
    statement = _UPDATES.get(names)
    if statement is None:
        values: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(name) for name in sorted(names)}
        statement = sa.update(schema.callback).where(schema.callback.c.id == sa.bindparam("b_id")).values(values)
        _UPDATES[names] = statement
    return statement


def _attempts(connection: sa.Connection, attempts: dict[AttemptKey, Any], begun: set[AttemptKey]) -> None:
    encoded = {key: rows.encode(rows.record_values(attempt)) for key, attempt in attempts.items()}
    # Ended ones first: a number that is free again may be dialled in the same transaction.
    ended = [
        {"b_callback_id": row.pop("callback_id"), "b_n": row.pop("n"), **row}
        for key, row in encoded.items()
        if key not in begun
    ]
    if ended:
        connection.execute(_END, ended)
    fresh = [row for key, row in encoded.items() if key in begun]
    # A call begun and ended within one transaction must not hold the lock of its number against the next.
    fresh.sort(key=lambda row: row["ended_at"] is None)
    if fresh:
        connection.execute(_BEGIN, fresh)
