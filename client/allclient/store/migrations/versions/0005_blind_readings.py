"""Blind readings, and which verifications were made in one."""

import sqlalchemy as sa
from alembic import op

from allclient.store.schema import Utc

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add blind readings."""
    op.create_table(
        "blind_readings",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name="fk_blind_readings_case_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_blind_readings_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "user_id", name="pk_blind_readings"),
    )
    op.create_index("ix_blind_readings_user_id", "blind_readings", ["user_id"])
    op.add_column(
        "verifications",
        sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Remove blind readings."""
    op.drop_column("verifications", "blind")
    op.drop_index("ix_blind_readings_user_id", "blind_readings")
    op.drop_table("blind_readings")
