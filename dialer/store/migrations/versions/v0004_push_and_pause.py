"""Push messages with their answers, and services that operators have paused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "push",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("callback_id", sa.Text(), sa.ForeignKey("callback.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("token_digest", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Boolean()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sent_at", _TIME),
        sa.Column("acked_at", _TIME),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_at", _TIME),
    )
    op.create_index("ix_push_callback_id", "push", ["callback_id"])
    op.create_table(
        "service_pause",
        sa.Column("service", sa.Text(), primary_key=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("abort_dials", sa.Boolean(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("user", sa.Text()),
    )


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("service_pause")
    op.drop_table("push")
