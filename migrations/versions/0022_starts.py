"""Runs that begin from a checkpoint of another run, and that checkpoint, kept with their job."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("parent", sa.String(64)))
        runs.add_column(sa.Column("parent_step", sa.BigInteger))
    op.create_index("ix_runs_parent", "runs", ["parent"])
    op.create_table(
        "origins",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("corpus_id", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "run_id", "step", name="pk_origins"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_origins_job_id_jobs", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("origins")
    op.drop_index("ix_runs_parent", "runs")
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("parent_step")
        runs.drop_column("parent")
