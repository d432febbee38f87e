"""Separate texts for validation and test, and several corpora in a job."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0009"
branch_labels = None
depends_on = None

HELD_OUT = ("validation_corpus_id", "test_corpus_id")


def upgrade() -> None:
    for name in HELD_OUT:
        op.add_column("runs", sa.Column(name, sa.String(64)))
    op.create_table(
        "job_corpora",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("corpus_id", sa.String(64), sa.ForeignKey("corpora.id"), primary_key=True),
    )
    op.create_index("ix_job_corpora_corpus_id", "job_corpora", ["corpus_id"])
    op.execute("INSERT INTO job_corpora (job_id, corpus_id) SELECT id, corpus_id FROM jobs")


def downgrade() -> None:
    """Delete runs that read several corpora, since earlier versions cannot read their specs."""
    op.drop_table("job_corpora")
    for name in HELD_OUT:
        op.drop_column("runs", name)
