"""How cells look, by which like ones are found."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the features of cells; those that are there already have none."""
    op.add_column("cells", sa.Column("features", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Remove the features."""
    op.drop_column("cells", "features")
