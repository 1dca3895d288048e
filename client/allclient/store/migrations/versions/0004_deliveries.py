"""Signatures that go to the PACS, and the DICOM studies that fields are of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the deliveries of signatures."""
    op.add_column("fields", sa.Column("study_uid", sa.String(length=200), nullable=True))
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("signature_id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(length=200), nullable=True),
        sa.Column("subtype", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("report_uid", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["signature_id"],
            ["signatures.id"],
            name="fk_deliveries_signature_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("signature_id", name="uq_deliveries_signature_id"),
    )


def downgrade() -> None:
    """Remove the deliveries of signatures."""
    op.drop_table("deliveries")
    op.drop_column("fields", "study_uid")
