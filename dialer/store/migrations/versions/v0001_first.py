"""First schema: callbacks, their attempts, history and journal; nodes; numbers of services."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Columns = list[sa.Column[Any]]

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_OPEN = sa.text("ended_at IS NULL")
_LIVE = sa.text("state IN ('QUEUED', 'ROUTING', 'PROCESSING')")


def _columns(kind: Any, names: str, *, needed: bool = False) -> Columns:
    return [sa.Column(name, kind, nullable=not needed) for name in names.split()]


def _owner(*, primary_key: bool = False) -> sa.Column[Any]:
    key = sa.ForeignKey("callback.id", ondelete="CASCADE")
    return sa.Column("callback_id", sa.Text(), key, nullable=False, primary_key=primary_key)


def _callback() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.Text(), primary_key=True),
        *_columns(sa.Text(), "service family type state", needed=True),
        *_columns(sa.Text(), "phase reason reason_detail resume_state"),
        *_columns(sa.Text(), "customer_number", needed=True),
        *_columns(sa.Text(), "number_e164"),
        *_columns(_TIME, "desired_time created_at accepted_at updated_at", needed=True),
        *_columns(_TIME, "queued_at completed_at expires_at deadline_at next_dial_at paused_at first_dial_at"),
        *_columns(sa.Integer(), "attempts dials free_in_a_row target_index priority version", needed=True),
        *_columns(sa.SmallInteger(), "call_result", needed=True),
        *_columns(sa.Text(), "agent_id"),
        *_columns(sa.Text(), "target channel origin last_event", needed=True),
        *_columns(sa.Boolean(), "in_queue snoozed transferred", needed=True),
        *_columns(_JSON, "agents_rejected offer user_data props lookup push_targets access"),
        *_columns(sa.Text(), "language origination_interaction_id survey_route_point name_recording"),
        *_columns(sa.Text(), "created_by cancelled_by rescheduled_by recreated_by parent_id root_id replaced_by"),
        *_columns(sa.Text(), "node region session_id"),
        *_columns(_TIME, "lease_until"),
    )
    op.create_index("callback_work", "callback", ["phase", "next_dial_at"], sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_index("callback_service_state", "callback", ["service", "state", "desired_time"])
    op.create_index("callback_created", "callback", ["service", "created_at"])
    op.create_index("callback_desired", "callback", ["desired_time"])
    op.create_index("callback_number", "callback", ["number_e164", "created_at"])
    op.create_index("callback_expires", "callback", ["expires_at"])


def _lookup() -> None:
    op.create_table(
        "lookup",
        _owner(primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_index("lookup_value", "lookup", ["key", "value"])


def _attempt() -> None:
    op.create_table(
        "attempt",
        _owner(primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        *_columns(sa.Text(), "number node", needed=True),
        *_columns(_TIME, "started_at", needed=True),
        *_columns(_TIME, "answered_at ended_at"),
        *_columns(sa.SmallInteger(), "sip_status q850 call_result"),
        *_columns(sa.Text(), "verdict dial_result"),
        *_columns(sa.Boolean(), "counted"),
        *_columns(sa.Boolean(), "forwarded", needed=True),
        *_columns(_JSON, "evidence"),
    )
    # Locks: never two calls for one callback, never two to one number.
    for name, column in (("attempt_open_callback", "callback_id"), ("attempt_open_number", "number")):
        op.create_index(name, "attempt", [column], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)


def _history() -> None:
    op.create_table(
        "history",
        sa.Column("id", _SERIAL, primary_key=True),
        _owner(),
        *_columns(_TIME, "at", needed=True),
        *_columns(sa.Text(), "event actor note", needed=True),
        *_columns(sa.Text(), "from_state from_phase to_state to_phase user"),
    )
    op.create_index("ix_history_callback_id", "history", ["callback_id"])


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", _SERIAL, primary_key=True),
        _owner(),
        *_columns(_TIME, "at", needed=True),
        *_columns(sa.Float(53), "t_ms", needed=True),
        *_columns(sa.Integer(), "attempt"),
        *_columns(sa.Text(), "kind text", needed=True),
        *_columns(_JSON, "data"),
    )
    op.create_index("ix_journal_callback_id", "journal", ["callback_id"])


def _nodes_and_services() -> None:
    op.create_table(
        "node",
        sa.Column("name", sa.Text(), primary_key=True),
        *_columns(sa.Text(), "region url"),
        *_columns(_TIME, "heartbeat_at", needed=True),
        *_columns(sa.Integer(), "sessions", needed=True),
        *_columns(sa.Boolean(), "draining", needed=True),
    )
    op.create_table(
        "service",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False, unique=True),
    )


def upgrade() -> None:
    """Make all tables."""
    _callback()
    _lookup()
    _attempt()
    _history()
    _journal()
    _nodes_and_services()


def downgrade() -> None:
    """Drop them, dependants first."""
    for table in ("service", "node", "journal", "history", "attempt", "lookup", "callback"):
        op.drop_table(table)
