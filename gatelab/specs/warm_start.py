"""The start of a run that continues another run, or takes its weights."""

from typing import Literal

from pydantic import Field

from gatelab.specs.base import Spec, Text
from gatelab.specs.generation import CheckpointName


class StartSpec(Spec):
    """A checkpoint of another run. The job keeps a copy, so that run may be deleted later.

    The models must be equal except for dropout and initial values. The run keeps the other one's tokenizer; characters
    that are new in its corpus get new rows, drawn as initial values.
    """

    run: Text = Field(min_length=1, max_length=64, description="id of the run")
    checkpoint: CheckpointName = Field(
        "auto", description="a step that has a checkpoint, latest, best, or auto: the best if there is one"
    )
    what: Literal["weights", "everything"] = Field(
        "weights",
        description="weights: training begins at step 0; everything: it continues, with the optimizer's state, the step"
        " and the epoch",
    )
