"""The events of a job, as a union discriminated by `type`.

A new type of event is a new class in `JobEvent`. mypy and the compiler of the page then name every place that must
handle it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from gatelab.wire.base import Measured, Wire
from gatelab.wire.evaluations import Evaluation, Sample
from gatelab.wire.runs import RunError, RunState

_ROW = {"type", "run", "created_at"}
"""Columns of their own in the database, not part of an event's stored data."""


class _Event(Wire):
    run: str | None = Field(None, description="the run of the event; null for events of the whole job")
    created_at: datetime | None = Field(None, description="when it was recorded")

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in super().stored().items() if name not in _ROW}


class JobCreated(_Event):
    """The job was accepted."""

    type: Literal["job_created"] = "job_created"
    name: str = Field("", description="the name of the job")
    runs: int = Field(0, description="number of its runs")


class _Moved(_Event):
    index: int = Field(0, description="the place of the run in the job")
    state: RunState = Field(description="the state that the run is in now")
    step: int = Field(0, description="optimizer steps that are recorded")
    reason: str | None = Field(None, description="the reason in words; null for the usual course of a run")
    error: RunError | None = Field(None, description="why the run failed; null unless it has")


class RunStarted(_Moved):
    """A worker takes the run for the first time."""

    type: Literal["run_started"] = "run_started"
    state: Literal["running"] = "running"


class RunMoved(_Moved):
    """The state of the run changes without ending it: resumed, paused, queued again."""

    type: Literal["state"] = "state"


class RunSucceeded(_Moved):
    """The run has trained to its end."""

    type: Literal["run_succeeded"] = "run_succeeded"
    state: Literal["succeeded"] = "succeeded"


class RunFailed(_Moved):
    """The run cannot continue."""

    type: Literal["run_failed"] = "run_failed"
    state: Literal["failed"] = "failed"


class RunCancelled(_Moved):
    """Somebody cancelled the job."""

    type: Literal["run_cancelled"] = "run_cancelled"
    state: Literal["cancelled"] = "cancelled"


class Progress(_Event):
    """The run has made progress; sent every few seconds of training, with a checkpoint."""

    type: Literal["progress"] = "progress"
    step: int = Field(0, description="optimizer steps since the run began")
    epoch: int = Field(0, description="epochs that have ended")
    total_steps: int | None = Field(None, description="optimizer steps of the whole run")
    tokens_per_second: Measured = Field(None, description="training tokens per second of training alone")
    train_loss: Measured = Field(None, description="loss of the latest batch before its step, in nats per token")
    learning_rate: Measured = Field(None, description="of the latest step")


class RunEvaluated(_Event, Evaluation):
    """The run was evaluated, as a rule at the end of an epoch."""

    type: Literal["evaluation"] = "evaluation"
    total_steps: int | None = Field(None, description="optimizer steps of the whole run")


class Sampled(_Event, Sample):
    """The run generated a text at an evaluation."""

    type: Literal["sample"] = "sample"


class CellCompiled(_Event):
    """The run waited for its cell to be compiled, since no run on this machine had used the cell before."""

    type: Literal["compiling"] = "compiling"
    digest: str = Field(description="digest of what the cell computes, independent of the names in its equations")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="precision that the code computes in; samples need fp32"
    )
    seconds: float = Field(description="time that the compiler took")


class CheckpointCorrupt(_Event):
    """A checkpoint could not be read: the run resumes from the one before it."""

    type: Literal["checkpoint_corrupt"] = "checkpoint_corrupt"
    step: int = Field(0, description="the step of the damaged checkpoint")
    resumed_from: int = Field(0, description="the step of the one before it; 0 for the start of the run")


class JobFinished(_Event):
    """All runs of the job have ended."""

    type: Literal["job_finished"] = "job_finished"
    state: RunState = Field(description="the state of the job")
    counts: dict[str, int] = Field({}, description="number of runs in each state")


JobEvent = TypeAliasType(
    "JobEvent",
    Annotated[
        JobCreated
        | RunStarted
        | RunMoved
        | Progress
        | RunEvaluated
        | Sampled
        | CellCompiled
        | CheckpointCorrupt
        | RunSucceeded
        | RunFailed
        | RunCancelled
        | JobFinished,
        Field(discriminator="type"),
    ],
)
EVENTS: tuple[type[_Event], ...] = get_args(get_args(JobEvent.__value__)[0])
"""The members of the union."""
TYPES: dict[str, type[_Event]] = {event.model_fields["type"].default: event for event in EVENTS}
"""Their names in a stream."""


class _AsText:
    """Describes a value by the text in which it is sent."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "application/json", "contentSchema": handler(schema)}


class JobMessage(Wire):
    """A message in the stream of a job's events."""

    id: str = Field(description="the number of the event in its job")
    event: str = Field(description="the type of the event")
    data: Annotated[JobEvent, _AsText()] = Field(description="the event, as JSON")


@cache
def _adapter() -> "TypeAdapter[JobEvent]":
    """Built when the first event is read."""
    return TypeAdapter(JobEvent)


def read_event(type: str, run: str | None, created_at: datetime | str | None, data: Mapping[str, Any]) -> JobEvent:
    """The event of a row, or of a message: its type and run beside its other fields.

    Raises:
        ValueError: there is no such type, or the fields are not those of its type.
    """
    return _adapter().validate_python({**data, "type": type, "run": run, "created_at": created_at})
