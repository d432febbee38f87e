"""The learning rate in use, recorded with every evaluation."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("metrics", sa.Column("learning_rate", sa.Double))


def downgrade() -> None:
    with op.batch_alter_table("metrics") as metrics:
        metrics.drop_column("learning_rate")
