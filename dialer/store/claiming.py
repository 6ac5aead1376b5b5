"""Ownership of callbacks by nodes: what is due, what is lost, leases, heartbeats. Each a transaction of its own."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from dialer.callback.admission import Admit
from dialer.callback.record import Callback, NodeInfo
from dialer.callback.state import Phase
from dialer.store import schema, transaction
from dialer.store.insertion import put
from dialer.store.ownership import Claim, Recover

_C = schema.callback.c
_LIVE = _C.state.in_([sa.literal_column(f"'{state}'") for state in ("QUEUED", "ROUTING", "PROCESSING")])
_QUEUED = _C.state == sa.literal_column("'QUEUED'")
_CHUNK = 500


def due(now: datetime, limit: int) -> sa.Select[tuple[str]]:
    """Ids of callbacks that a node may take, best first."""
    return (
        sa.select(_C.id)
        .where(
            _LIVE,
            _QUEUED,
            sa.or_(
                _C.phase == Phase.SUBMITTING.value,
                sa.and_(
                    _C.phase.in_([Phase.RETRY_WAIT.value, Phase.SNOOZED.value]),
                    sa.or_(_C.next_dial_at.is_(None), _C.next_dial_at <= now),
                ),
                sa.and_(_C.phase == Phase.WAITING.value, _C.node.is_(None)),
            ),
        )
        .order_by(_C.priority.desc(), sa.func.coalesce(_C.queued_at, _C.created_at), _C.id)
        .limit(limit)
    )


def lost(now: datetime, node: str | None, limit: int) -> sa.Select[tuple[str]]:
    """Ids of callbacks that need a node and have none: see `ownership.lost`."""
    idle = [Phase.SUBMITTING.value, Phase.RETRY_WAIT.value, Phase.SNOOZED.value, Phase.EXPIRED.value]
    gone = sa.or_(_C.lease_until <= now, sa.and_(_C.lease_until.is_(None), _C.phase != Phase.WAITING.value))
    whose = gone if node is None else sa.or_(gone, _C.node == node)
    return sa.select(_C.id).where(_LIVE, _C.phase.not_in(idle), whose).limit(limit)


def left_over(now: datetime, node: str | None, limit: int) -> sa.Select[tuple[str]]:
    """Ids of callbacks with an open attempt that nobody is going to close."""
    a = schema.attempt.c
    gone = sa.or_(_C.lease_until <= now, _C.lease_until.is_(None))
    whose = gone if node is None else sa.or_(gone, _C.node == node, a.node == node)
    joined = sa.join(schema.attempt, schema.callback, a.callback_id == _C.id)
    return sa.select(_C.id).select_from(joined).where(a.ended_at.is_(None), whose).limit(limit)


def _free(connection: sa.Connection, statement: sa.Select[tuple[str]]) -> list[str]:
    return list(connection.scalars(statement.with_for_update(skip_locked=True, of=schema.callback)))


def claim(
    connection: sa.Connection, node: str, now: datetime, until: datetime, limit: int, admit: Admit | None = None
) -> list[Callback]:
    """Take up to `limit` due callbacks for `node`, or complete those that `admit` refuses; the caller commits."""
    ids = _free(connection, due(now, limit))
    if not ids:
        return []
    lengths = _queue_lengths(connection, ids) if admit is not None else {}
    return _values(connection, Claim(ids=ids, node=node, now=now, lease_until=until, admit=admit, lengths=lengths))


def _queue_lengths(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    """Callbacks in the queue or on a call, of each service that one of these was submitted to."""
    submitted = sa.select(_C.service).where(_C.id.in_(ids), _C.phase == Phase.SUBMITTING.value).distinct()
    services = list(connection.scalars(submitted))
    if not services:
        return {}
    inside = sa.or_(_C.in_queue, _C.state.in_(["ROUTING", "PROCESSING"]))
    counting = sa.select(_C.service, sa.func.count()).where(_C.service.in_(services), _LIVE, inside)
    return {service: int(count) for service, count in connection.execute(counting.group_by(_C.service))}


def recover(connection: sa.Connection, now: datetime, node: str | None, limit: int) -> list[Callback]:
    """Bring back up to `limit` lost callbacks; the caller commits."""
    ids = sorted({*_free(connection, lost(now, node, limit)), *_free(connection, left_over(now, node, limit))})
    return _values(connection, Recover(ids=ids, now=now, node=node)) if ids else []


def _values(connection: sa.Connection, operation: Claim | Recover) -> list[Callback]:
    taken: list[Callback] = transaction.run(connection, [operation])[0].answer()
    return taken


def renew(connection: sa.Connection, node: str, ids: Sequence[str], until: datetime) -> set[str]:
    """Prolong leases that `node` still holds; the caller commits."""
    kept: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        mine = (_C.id.in_(ids[start : start + _CHUNK]), _C.node == node)
        kept.update(connection.scalars(sa.select(_C.id).where(*mine).with_for_update()))
        connection.execute(sa.update(schema.callback).where(*mine).values(lease_until=until))
    return kept


def beat(connection: sa.Connection, node: NodeInfo) -> None:
    """Insert or refresh a node's row."""
    put(connection, schema.node, asdict(node))


def number_service(connection: sa.Connection, name: str) -> int:
    """The number of a service, the next free one when it has none yet."""
    numbers = schema.service.c
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE service IN EXCLUSIVE MODE"))
    known = connection.scalar(sa.select(numbers.number).where(numbers.name == name))
    if known is not None:
        return int(known)
    number = int(connection.scalar(sa.select(sa.func.max(numbers.number))) or 0) + 1
    connection.execute(sa.insert(schema.service).values(name=name, number=number))
    return number
