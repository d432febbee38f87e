"""What the gates of a run do, measured at every evaluation where its spec asks for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("metrics", sa.Column("gates", sa.JSON))


def downgrade() -> None:
    with op.batch_alter_table("metrics") as metrics:
        metrics.drop_column("gates")
