"""Tables of the store. Alembic's migrations make them; this module is what the code reads and writes them by.

Columns are typed where something is searched or sorted by them; the rest is JSON. Two partial unique indexes are
locks: at most one open attempt per callback, and per number.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from dialer.clock import stamp


class Instant(TypeDecorator[datetime]):
    """An aware UTC time to the millisecond: ``2026-03-02T16:00:00.000Z`` in SQLite, timestamptz in PostgreSQL.

    Source: spec records section 1. The text sorts like the time.
    """

    impl = sa.String(24)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True, precision=3))
        return dialect.type_descriptor(sa.String(24))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name == "postgresql":
            return value
        return stamp(value)

    def process_result_value(self, value: str | datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def to_ms(moment: datetime) -> datetime:
    """`moment` in UTC, cut to the millisecond that is stored.

    Raises:
        ValueError: when it carries no time zone.
    """
    if moment.tzinfo is None:
        msg = f"a time without zone cannot be stored: {moment.isoformat()}"
        raise ValueError(msg)
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _json() -> TypeEngine[Any]:
    return sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _serial() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


metadata = sa.MetaData()

callback = sa.Table(
    "callback",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("phase", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("reason_detail", sa.Text),
    sa.Column("resume_state", sa.Text),
    sa.Column("customer_number", sa.Text, nullable=False),
    sa.Column("number_e164", sa.Text),
    sa.Column("desired_time", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("queued_at", Instant),
    sa.Column("completed_at", Instant),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("deadline_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_dial_at", Instant),
    sa.Column("call_result", sa.SmallInteger, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("agents_rejected", _json()),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("target_index", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("language", sa.Text),
    sa.Column("offer", _json()),
    sa.Column("user_data", _json()),
    sa.Column("props", _json()),
    sa.Column("lookup", _json()),
    sa.Column("push_targets", _json()),
    sa.Column("in_queue", sa.Boolean, nullable=False),
    sa.Column("snoozed", sa.Boolean, nullable=False),
    sa.Column("paused_at", Instant),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("origination_interaction_id", sa.Text),
    sa.Column("survey_route_point", sa.Text),
    sa.Column("created_by", sa.Text),
    sa.Column("cancelled_by", sa.Text),
    sa.Column("rescheduled_by", sa.Text),
    sa.Column("recreated_by", sa.Text),
    sa.Column("parent_id", sa.Text),
    sa.Column("root_id", sa.Text),
    sa.Column("replaced_by", sa.Text),
    sa.Column("name_recording", sa.Text),
    sa.Column("access", _json()),
    sa.Column("node", sa.Text),
    sa.Column("region", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("lease_until", Instant),
    sa.Column("last_event", sa.Text, nullable=False),
    sa.Column("transferred", sa.Boolean, nullable=False),
    sa.Column("free_in_a_row", sa.Integer, nullable=False),
    sa.Column("first_dial_at", Instant),
    sa.Column("dials", sa.Integer, nullable=False),
)

_live = callback.c.state.in_([sa.literal_column(f"'{state}'") for state in ("QUEUED", "ROUTING", "PROCESSING")])
sa.Index("callback_work", callback.c.phase, callback.c.next_dial_at, sqlite_where=_live, postgresql_where=_live)
sa.Index("callback_service_state", callback.c.service, callback.c.state, callback.c.desired_time)
sa.Index("callback_created", callback.c.service, callback.c.created_at)
sa.Index("callback_desired", callback.c.desired_time)
sa.Index("callback_number", callback.c.number_e164, callback.c.created_at)
sa.Index("callback_expires", callback.c.expires_at)

lookup = sa.Table(
    "lookup",
    metadata,
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
sa.Index("lookup_value", lookup.c.key, lookup.c.value)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("sip_status", sa.SmallInteger),
    sa.Column("q850", sa.SmallInteger),
    sa.Column("verdict", sa.Text),
    sa.Column("call_result", sa.SmallInteger),
    sa.Column("dial_result", sa.Text),
    sa.Column("counted", sa.Boolean),
    sa.Column("forwarded", sa.Boolean, nullable=False),
    sa.Column("evidence", _json()),
)
_open = attempt.c.ended_at.is_(None)
sa.Index("attempt_open_callback", attempt.c.callback_id, unique=True, sqlite_where=_open, postgresql_where=_open)
sa.Index("attempt_open_number", attempt.c.number, unique=True, sqlite_where=_open, postgresql_where=_open)

history = sa.Table(
    "history",
    metadata,
    sa.Column("id", _serial(), primary_key=True),
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("from_state", sa.Text),
    sa.Column("from_phase", sa.Text),
    sa.Column("to_state", sa.Text),
    sa.Column("to_phase", sa.Text),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("user", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("id", _serial(), primary_key=True),
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("entries", _json(), nullable=False),  # as they were written together: see `rows.journal_row`
)

node = sa.Table(
    "node",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("region", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("heartbeat_at", Instant, nullable=False),
    sa.Column("sessions", sa.Integer, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
)

service = sa.Table(
    "service",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
)

call_in = sa.Table(
    "call_in",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("to_number", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("access_code", sa.Text),
    sa.Column("from_number", sa.Text),
    sa.Column("callback_id", sa.Text),
    sa.Column("user_data", _json()),
    sa.Column("unique_dnis", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("matched_at", Instant),
    sa.Column("completed_at", Instant),
    sa.Column("ani", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
)


def _while_active(name: str, *columns: sa.Column[Any], also: sa.ColumnElement[bool], unique: bool = True) -> None:
    where = sa.and_(call_in.c.state == sa.literal_column("'ACTIVE'"), also)
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# Locks: of two that ask for the same code, number of its own, or callback at the same time, one gets it.
_while_active("call_in_active", call_in.c.to_number, also=sa.true(), unique=False)
_while_active("call_in_code", call_in.c.group, call_in.c.access_code, also=call_in.c.access_code.is_not(None))
_while_active("call_in_unique_dnis", call_in.c.to_number, also=call_in.c.unique_dnis)
_while_active("call_in_callback", call_in.c.callback_id, also=call_in.c.callback_id.is_not(None))
sa.Index("call_in_created", call_in.c.created_at)

call_in_number = sa.Table(
    "call_in_number",
    metadata,
    sa.Column("group", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("turn", sa.BigInteger, nullable=False),  # rises with each hand-out: the lowest is due next
)
