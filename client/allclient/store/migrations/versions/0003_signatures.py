"""Signed cases, and the report of each signature."""

import sqlalchemy as sa
from alembic import op

from allclient.store.schema import Utc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the signatures of cases."""
    op.create_table(
        "signatures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("conclusion", sa.String(length=200), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name="fk_signatures_case_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_signatures_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_signatures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signatures_case_id", "signatures", ["case_id"])

    op.add_column(
        "cases", sa.Column("signed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    """Remove the signatures of cases."""
    # Not in a batch: SQLite would make the table anew, and its fields would go with the old one.
    op.drop_column("cases", "signed")
    op.drop_index("ix_signatures_case_id", "signatures")

    op.drop_table("signatures")
