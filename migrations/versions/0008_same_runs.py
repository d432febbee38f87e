"""A digest of the runs of a job, so that a later request for the same runs is shown the job that has trained them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEX = "ix_jobs_account_runs_sha256_created_at"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("runs_sha256", sa.String(64)))
    op.add_column("jobs", sa.Column("trained", sa.String(64)))
    op.create_index(INDEX, "jobs", ["account", "runs_sha256", "created_at"])


def downgrade() -> None:
    op.drop_index(INDEX, "jobs")
    op.drop_column("jobs", "trained")
    op.drop_column("jobs", "runs_sha256")
