"""The journal keeps entries as they are written, many in one row: a fifth of the time per entry."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHUNK = 1000


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    owner = sa.Column("callback_id", sa.Text(), sa.ForeignKey("callback.id", ondelete="CASCADE"), nullable=False)
    return op.create_table(name, sa.Column("id", _SERIAL, primary_key=True), owner, *columns)


def upgrade() -> None:
    """Put the entries of each callback into one row."""
    op.drop_index("ix_journal_callback_id", "journal")
    op.rename_table("journal", "journal_old")
    fresh = _table("journal", sa.Column("entries", _JSON, nullable=False))
    for rows in _chunks(_batches(op.get_bind())):
        op.bulk_insert(fresh, rows)
    op.drop_table("journal_old")
    op.create_index("ix_journal_callback_id", "journal", ["callback_id"])


def _batches(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    old = sa.text("SELECT callback_id, at, t_ms, attempt, kind, text, data FROM journal_old ORDER BY callback_id, id")
    for callback_id, rows in itertools.groupby(connection.execute(old), key=lambda row: row[0]):
        yield {"callback_id": callback_id, "entries": [_entry(*row[1:]) for row in rows]}


def _entry(at: Any, t_ms: float, attempt: int | None, kind: str, text: str, data: Any) -> list[Any]:
    moment = at if isinstance(at, str) else at.isoformat(timespec="milliseconds")[:-6] + "Z"
    return [moment, t_ms, attempt, kind, text, json.loads(data) if isinstance(data, str) else data or {}]


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(itertools.islice(rows, _CHUNK)):
        yield chunk


def downgrade() -> None:
    """Begin an empty journal with a row per entry; what was written since is lost."""
    op.drop_table("journal")
    _table(
        "journal",
        sa.Column("at", _TIME, nullable=False),
        sa.Column("t_ms", sa.Float(53), nullable=False),
        sa.Column("attempt", sa.Integer()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", _JSON),
    )
    op.create_index("ix_journal_callback_id", "journal", ["callback_id"])
