"""What the service answers, as frozen objects. Fields that this client does not know yet are passed over."""

from gatelab.client.models.base import Answer, Item, Page
from gatelab.client.models.cells import CellAdvice, CellParameter, CheckedCell, PublishedCell
from gatelab.client.models.corpora import Corpus, Passage
from gatelab.client.models.gates import (
    Gates,
    Influence,
    InputInfluence,
    LayerGates,
    NextToken,
    StateRows,
    UnitStatistics,
)
from gatelab.client.models.generation import Generation, MixedState, Recall, Score, Scores
from gatelab.client.models.jobs import Event, Job, Memory, ParameterRange, Plan, PredictedSeconds, RunCounts
from gatelab.client.models.keys import ApiKey, ApiKeys, NewKey
from gatelab.client.models.runs import (
    Change,
    Checkpoint,
    GateStatistics,
    MetricPoint,
    Metrics,
    Run,
    RunCurve,
    RunCurves,
    RunError,
    Sample,
    TreeNode,
)

__all__ = [
    "Answer",
    "ApiKey",
    "ApiKeys",
    "CellAdvice",
    "CellParameter",
    "Change",
    "CheckedCell",
    "Checkpoint",
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
