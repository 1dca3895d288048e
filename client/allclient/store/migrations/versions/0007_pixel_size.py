"""The size of a pixel of fields that were uploaded as DICOM objects."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the size of a pixel."""
    op.add_column("fields", sa.Column("um_per_pixel", sa.Double(), nullable=True))


def downgrade() -> None:
    """Remove the size of a pixel."""
    op.drop_column("fields", "um_per_pixel")
