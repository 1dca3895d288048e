"""Adds the leukocytes of each field, and what people say of them."""

import sqlalchemy as sa
from alembic import op

from allclient.store.schema import Utc

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of cells."""
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("width", sa.Double(), nullable=False),
        sa.Column("height", sa.Double(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("area_share", sa.Double(), nullable=False),
        sa.Column("agreement", sa.Double(), nullable=False),
        sa.Column("subtype", sa.String(length=200), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("shown_as", sa.String(length=200), nullable=False),
        sa.Column("corrected", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name="fk_cells_case_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields.id"], name="fk_cells_field_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cells"),
        sa.UniqueConstraint("field_id", "number", name="uq_cells_field_id_number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_cells_case_id_shown_as_probability", "cells", ["case_id", "shown_as", "probability"]
    )

    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("subtype", sa.String(length=200), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cell_id"], ["cells.id"], name="fk_corrections_cell_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_corrections_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_cell_id", "corrections", ["cell_id"])

    op.add_column("answers", sa.Column("leukocytes", sa.Integer(), nullable=True))
    op.add_column("answers", sa.Column("malignant_leukocytes", sa.Integer(), nullable=True))
    op.add_column("answers", sa.Column("um_per_pixel", sa.Double(), nullable=True))


def downgrade() -> None:
    """Remove the tables of cells."""
    op.drop_column("answers", "um_per_pixel")
    op.drop_column("answers", "malignant_leukocytes")
    op.drop_column("answers", "leukocytes")

    op.drop_index("ix_corrections_cell_id", "corrections")

    op.drop_table("corrections")
    op.drop_index("ix_cells_case_id_shown_as_probability", "cells")

    op.drop_table("cells")
