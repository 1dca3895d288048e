"""What came of fields after their case was signed."""

import sqlalchemy as sa
from alembic import op

from allclient.store.schema import Utc

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add what came late."""
    op.create_table(
        "late_outcomes",
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.String(length=200), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields.id"], name="fk_late_outcomes_field_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("field_id", name="pk_late_outcomes"),
    )


def downgrade() -> None:
    """Remove what came late; its fields wait for the backbones then."""
    op.drop_table("late_outcomes")
