"""People who log in by an OpenID Connect provider."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the subjects of people."""
    op.add_column("users", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("uq_users_subject", "users", ["subject"], unique=True)


def downgrade() -> None:
    """Remove the subjects of people."""
    op.drop_index("uq_users_subject", "users")
    op.drop_column("users", "subject")
