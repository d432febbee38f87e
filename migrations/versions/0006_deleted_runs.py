"""The deleted runs, so that their files are deleted too, even if a process dies in between."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deleted_runs",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("deleted_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_deleted_runs"),
    )


def downgrade() -> None:
    op.drop_table("deleted_runs")
