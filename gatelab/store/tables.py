"""The tables. `migrations/` builds them; a test compares the two.

Times are seconds since 1970 by the database's clock. JSON is plain JSON, not JSONB: PostgreSQL's JSONB refuses the
NUL character, which an old corpus and so a sample may hold.
"""

import math
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy.types import TypeDecorator

from gatelab.store.states import State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Measure(TypeDecorator[float]):
    """A measured number. NaN and infinities are stored as NULL, since JSON cannot represent them."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return value if value is not None and math.isfinite(value) else None


LOCAL = "local"
"""The account of everything that no other account owns."""
DELETED = ""
"""The account of jobs whose deletion has begun. No key belongs to it."""


def _account() -> "Column[str]":
    return Column("account", String(64), nullable=False, server_default=LOCAL)


def _id(name: str = "id", *arguments: Any, **options: Any) -> "Column[str]":
    return Column(name, String(64), *arguments, **options)


def _json(name: str, **options: Any) -> "Column[Any]":
    return Column(name, JSON(none_as_null=True), **options)


def _time(name: str, **options: Any) -> "Column[float]":
    return Column(name, Double, **options)


def _run_id() -> "Column[str]":
    return _id("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


corpora = Table(
    "corpora",
    metadata,
    _id(primary_key=True),
    Column("name", String(100), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("characters", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    # UTF-8 as bytes: PostgreSQL's text cannot hold NUL.
    Column("text", LargeBinary, nullable=False),
    _time("created_at", nullable=False),
    _account(),
    # The findings in the text when it was added; NULL for texts that were added before there were findings.
    _json("findings"),
    UniqueConstraint("account", "name"),
)

jobs = Table(
    "jobs",
    metadata,
    _id(primary_key=True),
    Column("name", String(100), nullable=False),
    _json("spec", nullable=False),
    _id("corpus_id", ForeignKey("corpora.id"), nullable=False, index=True),
    _time("created_at", nullable=False),
    Column("event_count", Integer, nullable=False, server_default="0"),
    _account(),
    # Jobs with the same runs share it (`gatelab.specs.resolved.runs_digest`). NULL for jobs of earlier versions.
    Column("runs_sha256", String(64)),
    # An earlier job that had trained exactly these runs when this one was submitted.
    _id("trained"),
    Index(None, "created_at", "id"),
    Index(None, "account", "created_at", "id"),
    Index(None, "account", "runs_sha256", "created_at"),
)

# Every corpus that a job's runs read, in training or otherwise.
job_corpora = Table(
    "job_corpora",
    metadata,
    _id("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _id("corpus_id", ForeignKey("corpora.id"), primary_key=True, index=True),
)

runs = Table(
    "runs",
    metadata,
    _id(primary_key=True),
    _id("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    _json("spec", nullable=False),
    # The training corpus; and the corpora for validation and test, if they are others.
    _id("corpus_id", nullable=False),
    _id("validation_corpus_id"),
    _id("test_corpus_id"),
    Column("parameters", BigInteger),
    Column("total_steps", BigInteger),
    Column("step", BigInteger, nullable=False, server_default="0"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    _json("metrics"),
    _json("sample"),
    _json("error"),
    Column("device", String(200)),
    Column("engine", String(16)),
    Column("weights_sha256", String(64)),
    # The expected costs of the run when it was submitted: `gatelab.costs.Expected`.
    _json("work"),
    Column("predicted_seconds", Measure),
    # Runs of equal shape can be trained together. NULL for runs that ended before there were packs.
    Column("shape", String(64)),
    # The lease: the owner, the end, and the fencing token, which every claim raises.
    Column("owner", String(200)),
    Column("token", BigInteger, nullable=False, server_default="0"),
    _time("lease_until"),
    _id("last_report"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("crash_count", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("pause_requested", Boolean, nullable=False, server_default=false()),
    _time("queued_at", nullable=False),
    _time("woken_at", nullable=False),
    _time("started_at"),
    _time("finished_at"),
    _time("created_at", nullable=False),
    # The run from which it began (it may have been deleted since), and the step of the checkpoint.
    _id("parent", index=True),
    Column("parent_step", BigInteger),
    # The job's account, so that the queue need not read the job; and the time of the last claim, for the accounts'
    # turns.
    _account(),
    _time("claimed_at"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in State)), name="state"),
    UniqueConstraint("job_id", "index"),
    Index(None, "state", "queued_at", "id"),
    Index(None, "shape", "state", "queued_at", "id"),
    Index(None, "state", "account", "queued_at", "id"),
    Index(None, "account", "claimed_at"),
)

# Checkpoints of other runs from which the runs of a job begin. They stay when those runs are deleted.
origins = Table(
    "origins",
    metadata,
    _id("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _id("run_id", primary_key=True),
    Column("step", BigInteger, primary_key=True),
    _id("corpus_id", nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(primary_key=True),
    Column("account", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    _time("created_at", nullable=False),
    _time("revoked_at"),
)

# Recently deleted runs, whose files may still exist. The deletion writes these rows, the sweeper drops them.
deleted_runs = Table("deleted_runs", metadata, _id("run_id", primary_key=True), _time("deleted_at", nullable=False))

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    _id("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    _time("created_at", nullable=False, index=True),
)

metrics = Table(
    "metrics",
    metadata,
    _run_id(),
    Column("step", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("train_loss", Measure),
    Column("validation_loss", Measure),
    Column("test_loss", Measure),
    Column("validation_bits_per_character", Measure, key="bits_per_character"),
    Column("test_bits_per_character", Measure),
    Column("tokens", BigInteger, nullable=False),
    Column("seconds", Measure),
    Column("tokens_per_second", Measure),
    # Statistics of the gates of each layer, if the spec asks for them.
    _json("gates"),
    # The learning rate of the step before the evaluation. NULL for records of earlier versions.
    Column("learning_rate", Measure),
)

samples = Table(
    "samples",
    metadata,
    _run_id(),
    Column("step", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    _json("prefix", nullable=False),
    _json("text", nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _run_id(),
    Column("step", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    # NULL: the bytes are a file.
    Column("data", LargeBinary),
    _time("created_at", nullable=False),
)

events = Table(
    "events",
    metadata,
    _id("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    # No foreign key: without its own index, deleting a job would search all events for each run.
    _id("run_id"),
    Column("type", String(64), nullable=False),
    _json("data", nullable=False),
    _time("created_at", nullable=False),
)
