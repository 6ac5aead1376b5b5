"""Interactions that are kept beside the callbacks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "interaction",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("callback_id", sa.Text(), sa.ForeignKey("callback.id", ondelete="CASCADE")),
        sa.Column("parent_id", sa.Text()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("data", _JSON, nullable=False),
    )
    op.create_index("ix_interaction_callback_id", "interaction", ["callback_id"])
    op.create_index("ix_interaction_parent_id", "interaction", ["parent_id"])


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("interaction")
