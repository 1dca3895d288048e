"""Who made the DICOM objects that fields were uploaded as, and answers by their day."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the site, and an index for the answers of some days."""
    op.add_column("fields", sa.Column("site", sa.String(64), nullable=True))
    op.create_index("ix_answers_created_at", "answers", ["created_at"])


def downgrade() -> None:
    """Remove both."""
    op.drop_index("ix_answers_created_at", "answers")
    op.drop_column("fields", "site")
