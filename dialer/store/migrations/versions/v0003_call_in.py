"""Call-in requests, and which number of a group was handed out when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_ACTIVE = "state = 'ACTIVE'"


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "call_in",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("access_code", sa.Text()),
        sa.Column("from_number", sa.Text()),
        sa.Column("callback_id", sa.Text()),
        sa.Column("user_data", _JSON),
        sa.Column("unique_dnis", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("matched_at", _TIME),
        sa.Column("completed_at", _TIME),
        sa.Column("ani", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
    )
    _index("call_in_active", ["to_number"], _ACTIVE, unique=False)
    _index("call_in_code", ["group", "access_code"], f"{_ACTIVE} AND access_code IS NOT NULL", unique=True)
    _index("call_in_unique_dnis", ["to_number"], f"{_ACTIVE} AND unique_dnis", unique=True)
    _index("call_in_callback", ["callback_id"], f"{_ACTIVE} AND callback_id IS NOT NULL", unique=True)
    op.create_index("call_in_created", "call_in", ["created_at"])
    op.create_table(
        "call_in_number",
        sa.Column("group", sa.Text(), primary_key=True),
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("turn", sa.BigInteger(), nullable=False),
    )


def _index(name: str, columns: list[str], where: str, *, unique: bool) -> None:
    op.create_index(
        name, "call_in", columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("call_in_number")
    op.drop_table("call_in")
