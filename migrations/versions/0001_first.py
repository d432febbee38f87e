"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATES = "'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'"


def upgrade() -> None:
    _corpora()
    _jobs()
    _runs()
    _series()
    _checkpoints()
    _events()


def downgrade() -> None:
    for table in ("events", "checkpoints", "samples", "metrics", "runs", "jobs", "corpora"):
        op.drop_table(table)


def _corpora() -> None:
    op.create_table(
        "corpora",
        _id(),
        _needed("name", sa.String(100)),
        _needed("sha256", sa.String(64)),
        _needed("characters", sa.BigInteger),
        _needed("bytes", sa.BigInteger),
        _needed("text", sa.LargeBinary),
        _needed("created_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_corpora"),
        sa.UniqueConstraint("name", name="uq_corpora_name"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id(),
        _needed("name", sa.String(100)),
        _needed("spec", sa.JSON),
        _id("corpus_id"),
        _needed("created_at", sa.Double),
        _counter("event_count", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["corpus_id"], ["corpora.id"], name="fk_jobs_corpus_id"),
    )
    op.create_index("ix_jobs_corpus_id", "jobs", ["corpus_id"])
    op.create_index("ix_jobs_created_at_id", "jobs", ["created_at", "id"])


def _runs() -> None:
    op.create_table(
        "runs",
        _id(),
        _id("job_id"),
        _needed("index", sa.Integer),
        _needed("state", sa.String(16)),
        _needed("spec", sa.JSON),
        _id("corpus_id"),
        sa.Column("parameters", sa.BigInteger),
        sa.Column("total_steps", sa.BigInteger),
        _counter("step", sa.BigInteger),
        _counter("epoch", sa.Integer),
        sa.Column("metrics", sa.JSON),
        sa.Column("sample", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("device", sa.String(200)),
        sa.Column("owner", sa.String(200)),
        _counter("token", sa.BigInteger),
        sa.Column("lease_until", sa.Double),
        sa.Column("last_report", sa.String(64)),
        _counter("attempt", sa.Integer),
        _counter("crash_count", sa.Integer),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("pause_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        _needed("queued_at", sa.Double),
        _needed("woken_at", sa.Double),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        _needed("created_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_runs_job_id", ondelete="CASCADE"),
        sa.UniqueConstraint("job_id", "index", name="uq_runs_job_id_index"),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_runs_state")),
    )
    op.create_index("ix_runs_state_queued_at_id", "runs", ["state", "queued_at", "id"])


def _series() -> None:
    op.create_table(
        "metrics",
        *_run_and_step(),
        sa.Column("train_loss", sa.Double),
        sa.Column("validation_loss", sa.Double),
        sa.Column("test_loss", sa.Double),
        sa.Column("validation_bits_per_character", sa.Double),
        sa.Column("test_bits_per_character", sa.Double),
        _needed("tokens", sa.BigInteger),
        sa.Column("seconds", sa.Double),
        sa.Column("tokens_per_second", sa.Double),
        *_of_run("metrics"),
    )
    op.create_table(
        "samples",
        *_run_and_step(),
        _needed("prefix", sa.JSON),
        _needed("text", sa.JSON),
        *_of_run("samples"),
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        *_run_and_step(),
        _needed("token", sa.BigInteger),
        _needed("sha256", sa.String(64)),
        _needed("size", sa.BigInteger),
        sa.Column("data", sa.LargeBinary),
        _needed("created_at", sa.Double),
        *_of_run("checkpoints"),
    )


def _events() -> None:
    op.create_table(
        "events",
        _id("job_id"),
        _needed("seq", sa.Integer),
        sa.Column("run_id", sa.String(64)),
        _needed("type", sa.String(64)),
        _needed("data", sa.JSON),
        _needed("created_at", sa.Double),
        sa.PrimaryKeyConstraint("job_id", "seq", name="pk_events"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id", ondelete="CASCADE"),
    )


def _needed(name: str, kind: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False)


def _id(name: str = "id") -> "sa.Column[Any]":
    return _needed(name, sa.String(64))


def _counter(name: str, kind: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, server_default="0")


def _run_and_step() -> list["sa.Column[Any]"]:
    return [_id("run_id"), _needed("step", sa.BigInteger), _needed("epoch", sa.Integer)]


def _of_run(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("run_id", "step", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=f"fk_{table}_run_id", ondelete="CASCADE"),
    ]
