"""The accounts of corpora, jobs and runs, their keys, and the time when a run was last claimed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LOCAL = "local"
"""The account of everything that is older than accounts."""


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
    )
    for table in ("corpora", "jobs", "runs"):
        op.add_column(table, sa.Column("account", sa.String(64), nullable=False, server_default=LOCAL))
    op.add_column("runs", sa.Column("claimed_at", sa.Double))
    op.create_index("ix_runs_state_account_queued_at_id", "runs", ["state", "account", "queued_at", "id"])
    op.create_index("ix_runs_account_claimed_at", "runs", ["account", "claimed_at"])
    op.create_index("ix_jobs_account_created_at_id", "jobs", ["account", "created_at", "id"])
    with op.batch_alter_table("corpora") as corpora:
        corpora.drop_constraint("uq_corpora_name", type_="unique")
        corpora.create_unique_constraint("uq_corpora_account_name", ["account", "name"])


def downgrade() -> None:
    with op.batch_alter_table("corpora") as corpora:
        corpora.drop_constraint("uq_corpora_account_name", type_="unique")
        corpora.create_unique_constraint("uq_corpora_name", ["name"])
        corpora.drop_column("account")
    op.drop_index("ix_jobs_account_created_at_id", "jobs")
    op.drop_index("ix_runs_account_claimed_at", "runs")
    op.drop_index("ix_runs_state_account_queued_at_id", "runs")
    for table, columns in (("runs", ("claimed_at", "account")), ("jobs", ("account",))):
        with op.batch_alter_table(table) as changed:
            for column in columns:
                changed.drop_column(column)
    op.drop_table("api_keys")
