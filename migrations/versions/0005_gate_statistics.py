"""Statistics of the gates of a run, measured at every evaluation if its spec asks for them."""

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
