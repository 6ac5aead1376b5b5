"""Numbers that must not be called any more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.String(24).with_variant(postgresql.TIMESTAMP(timezone=True, precision=3), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("callback_id", sa.Text()),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("do_not_call")
