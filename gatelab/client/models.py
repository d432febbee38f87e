"""The service's answers as frozen objects: the shapes of `gatelab.wire`, under the names that a client uses.

It ignores fields that it does not know yet.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gatelab.wire.base import Item, Page
from gatelab.wire.base import Wire as Answer
from gatelab.wire.cells import CellAdvice, CellParameter, CheckedCell, PublishedCell
from gatelab.wire.completions import Completion, Logprobs
from gatelab.wire.corpora import Corpus, Passage
from gatelab.wire.evaluations import Evaluation as MetricPoint
from gatelab.wire.evaluations import GateStatistics, RunCurve, RunCurves, Sample
from gatelab.wire.evaluations import Summary as Metrics
from gatelab.wire.events import JobEvent, read_event
from gatelab.wire.gates import Gates, InputInfluence, LayerGates, NextToken, StateRows, UnitStatistics
from gatelab.wire.gates import GatesInfluence as Influence
from gatelab.wire.generation import Generated as Generation
from gatelab.wire.generation import MixedState, Scores
from gatelab.wire.generation import Recalled as Recall
from gatelab.wire.generation import Scored as Score
from gatelab.wire.jobs import JobOf, Memory, Plan, PredictedSeconds, RunCounts
from gatelab.wire.jobs import Range as ParameterRange
from gatelab.wire.keys import Key as ApiKey
from gatelab.wire.keys import NewKey
from gatelab.wire.runs import Change, Checkpoint, RunError, RunOf, TreeNode

__all__ = [
    "Answer",
    "ApiKey",
    "CellAdvice",
    "CellParameter",
    "Change",
    "CheckedCell",
    "Checkpoint",
    "Completion",
    "Corpus",
    "Event",
    "GateStatistics",
    "Gates",
    "Generation",
    "Influence",
    "InputInfluence",
    "Item",
    "Job",
    "LayerGates",
    "Logprobs",
    "Memory",
    "MetricPoint",
    "Metrics",
    "MixedState",
    "NewKey",
    "NextToken",
    "Page",
    "ParameterRange",
    "Passage",
    "Plan",
    "PredictedSeconds",
    "PublishedCell",
    "Recall",
    "Run",
    "RunCounts",
    "RunCurve",
    "RunCurves",
    "RunError",
    "Sample",
    "Score",
    "Scores",
    "StateRows",
    "TreeNode",
    "UnitStatistics",
]


class Run(RunOf[dict[str, Any]]):
    """One model trained once. `spec` is plain JSON, since a newer service may have fields that this client lacks."""


class Job(JobOf[dict[str, Any]]):
    """A job, with the states of its runs. `spec` is plain JSON, as in a run."""

    spec: dict[str, Any] = {}


class Event(Answer):
    """Something that a job reported. Events of a job are numbered in the order in which they happened."""

    id: int
    type: str
    run: str | None = None
    data: Mapping[str, Any] = {}

    @property
    def told(self) -> JobEvent | None:
        """The event with its typed fields; None for a type that this client does not know."""
        try:
            return read_event(self.type, self.run, self.data.get("created_at"), self.data)
        except ValidationError:
            return None
