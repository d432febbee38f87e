"""The expected costs of a run: its work, and the seconds predicted when it was submitted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("work", sa.JSON))
    op.add_column("runs", sa.Column("predicted_seconds", sa.Double))


def downgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("predicted_seconds")
        runs.drop_column("work")
