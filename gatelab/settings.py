"""The settings of an installation, from `GATELAB_*` environment variables. A program reads them once, at its start."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelab.errors import InvalidInput, Problem
from gatelab.specs.fault_messages import describe
from gatelab.specs.limits import Limits

KEY_FILE = "api-key"
"""In the data directory: an API key with all rights, for users who can read the file."""


class Settings(BaseSettings):
    """Every setting, with its default. `GATELAB_DATABASE_URL` sets `database_url`, and so on."""

    model_config = SettingsConfigDict(
        env_prefix="GATELAB_", env_nested_delimiter="__", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(Path("data"), description="SQLite database, large checkpoints, embedded broker")
    database_url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL; by default SQLite in data_dir")
    broker_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Celery broker URL")
    counts_url: SecretStr = Field(
        SecretStr(""),
        description="Redis or Valkey URL, where service processes count limits together; by default each counts alone",
    )
    queue: str = Field("gatelab", description="name of the Celery queue")

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto uses a GPU if there is one")
    engine: Literal["auto", "native", "torch", "triton"] = Field(
        "auto", description="what computes the training; auto uses the fastest engine that can"
    )
    threads: int = Field(
        0, ge=0, le=1024, description="CPU threads of a worker's child; 0 uses OMP_NUM_THREADS, or else all cores"
    )

    lease_seconds: float = Field(30, gt=0, description="seconds of silence after which a worker loses its run")
    heartbeat_seconds: float = Field(5, gt=0, description="seconds between two renewals of a worker's lease")
    reaper_seconds: float = Field(2, gt=0, description="seconds between two searches for expired leases")
    rewake_seconds: float = Field(15, gt=0, description="seconds after which wake-ups of queued runs are sent again")
    sweep_seconds: float = Field(60, gt=0, description="seconds between two searches for files that nothing refers to")
    poll_seconds: float = Field(3, gt=0, description="seconds between two checks of the database by an idle worker")
    slice_seconds: float = Field(45, gt=0, description="seconds of training between two checks of the queue")
    max_pack: int = Field(16, ge=1, le=1024, description="runs of equal shape trained together; 1 trains each alone")
    checkpoint_seconds: float = Field(2, gt=0, description="shortest time between two checkpoints of a run, in seconds")
    max_crashes: int = Field(3, ge=1, description="a run fails after this many crashes in a row without progress")

    cell_cache: Path | None = Field(
        None,
        description="folder for the compiled code of cells of equations; by default gatelab/cells in the user's cache",
    )
    compile_cells: bool = Field(
        True,
        description="whether cells of equations are compiled on first use; if not, PyTorch computes them",
    )
    inline_checkpoint_bytes: int = Field(
        8 * 2**20, ge=0, description="larger checkpoints are files in data_dir/blobs instead of database rows"
    )
    model_cache_mib: int = Field(
        512, ge=1, description="MiB of memory for the models that the service generates with; the latest used stay"
    )
    limits: Limits = Field(Limits(), description="upper bounds on what requests may ask for")
    auth: bool = Field(True, description="whether requests need an API key; if not, anybody may do anything")
    allowed_hosts: str = Field(
        "", description="comma-separated host names, besides localhost, under which the service is reached"
    )
    cors_origins: str = Field("", description="comma-separated origins whose pages may use the service from a browser")
    session_key: SecretStr = Field(
        SecretStr(""),
        description="key that signs the states that clients hold; by default a random one in data_dir/session-key",
    )
    log_json: bool = Field(False, description="log lines as JSON instead of text")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="port of each worker for Prometheus; 0 for none. The service answers at /metrics"
    )
    metrics_host: str = Field("127.0.0.1", description="address to which metrics_port is bound")

    @model_validator(mode="before")
    @classmethod
    def _default_database(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("database_url"):
            folder = Path(values.get("data_dir", "data")).absolute()
            values = values | {"database_url": SecretStr(f"sqlite:///{folder}/gatelab.db")}
        return values

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> "Settings":
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("lease_seconds must be at least twice heartbeat_seconds")
        return self

    @property
    def key_file(self) -> Path:
        """The first API key."""
        return self.data_dir.absolute() / KEY_FILE

    @property
    def blob_dir(self) -> Path:
        return self.data_dir.absolute() / "blobs"


def cell_cache() -> Path:
    """The folder for the compiled code of cells. It is read at its use, far from the program's entry points."""
    if named := os.environ.get("GATELAB_CELL_CACHE"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "gatelab" / "cells"


def may_compile_cells() -> bool:
    """Whether a compiler may be started for a cell. Like `cell_cache`, it is read at its use."""
    return os.environ.get("GATELAB_COMPILE_CELLS", "true").strip().lower() not in ("0", "false", "no", "off", "f", "n")


def load() -> Settings:
    """The settings of the environment.

    Raises:
        InvalidInput: naming each variable that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise InvalidInput(Problem(_variable(fault["loc"]), describe(fault)) for fault in faults) from None


def _variable(location: Sequence[int | str]) -> str:
    """The environment variable that sets the field at `location`; empty if no single variable does."""
    return ("GATELAB_" + "__".join(map(str, location))).upper() if location else ""
