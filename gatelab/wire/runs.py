"""Runs and their results: checkpoints, errors, their tree."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, WithJsonSchema

from gatelab.wire.base import Wire
from gatelab.wire.evaluations import Summary

STATES = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
RunState = Annotated[str, WithJsonSchema({"type": "string", "enum": list(STATES)})]
"""One of `STATES`. A client that is older than its service reads others, too."""
Spec = TypeVar("Spec")
"""A `RunSpec`; or its JSON, for a client that may be older than the service."""


class RunError(Wire):
    """Why a run failed."""

    type: str = Field(
        description="`diverged`, `crashed` (its workers fell silent), `error` (an unforeseen fault), or the type of the"
        " problem that the service answers with in the same case",
        examples=["diverged"],
    )
    message: str = Field("", description="the reason in words, for people")
    step: int | None = Field(None, description="the optimizer step at which the run diverged; null for other errors")
    epoch: int | None = Field(None, description="the epoch of that step, from 1")


class RunOf(Wire, Generic[Spec]):
    """One model trained once."""

    id: str
    job: str = Field(description="the job of the run")
    index: int = Field(description="its place in the job, from 0")
    state: RunState
    spec: Spec = Field(description="the spec of the run")
    parameters: int | None = Field(None, description="number of trained parameters; null before it started")
    step: int = Field(0, description="optimizer steps that are recorded")
    total_steps: int | None = Field(None, description="optimizer steps of the whole run; null before it started")
    epoch: int = Field(0, description="epochs that have ended")
    metrics: Summary = Field(default_factory=Summary, description="the latest evaluation")
    sample: str | None = Field(
        None, description="the prefix of the spec and its continuation by the model at the latest evaluation"
    )
    error: RunError | None = Field(None, description="why it failed; null unless it has")
    device: str | None = Field(None, description="the device that trains it", examples=["cpu"])
    engine: Literal["native", "torch", "triton"] | None = Field(
        None, description="the engine that computes it; null before it started"
    )
    parent: str | None = Field(
        None, description="the run whose checkpoint it started from, which may have been deleted"
    )
    parent_step: int | None = Field(None, description="the step of the parent's checkpoint")
    weights_sha256: str | None = Field(
        None, description="digest of the latest checkpoint's weights: equal digests, equal models"
    )
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Change(Wire):
    """A field of the spec that differs from the parent's. Values are JSON; null means that the field is absent."""

    path: str = Field(examples=["training.optimizer.lr"])
    before: str | None = None
    after: str | None = None


class TreeNode(Wire):
    """A run in a tree of runs that started from one another."""

    run: str
    job: str
    name: str = Field(description="the name of its job")
    depth: int = Field(description="0 at the root")
    parent: str | None = None
    parent_step: int | None = None
    state: RunState
    step: int = 0
    validation_perplexity: float | None = None
    changes: list[Change] = []


class Checkpoint(Wire):
    """A saved state of a run. It can be downloaded, and text can be generated from it."""

    step: int
    epoch: int
    sha256: str = Field(description="digest of the file")
    size: int = Field(description="bytes")
    created_at: datetime
