"""Jobs, runs, and how they are asked for."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from gatelab.specs.base import Spec, Text
from gatelab.specs.model import CharTokenizerSpec, ModelSpec, TokenizerSpec
from gatelab.specs.start import StartSpec
from gatelab.specs.training import TrainingSpec

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=100)]
"""Names people give: letters, digits, dot, dash, underscore; at most 100."""


class RunSpec(Spec):
    """One model trained once: every hyper-parameter resolved, and a seed."""

    corpus: Name = Field(description="name or id of a corpus")
    tokenizer: TokenizerSpec = CharTokenizerSpec(kind="char")
    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()
    start: StartSpec | None = Field(None, description="a checkpoint of another run to begin from")


class JobSpec(RunSpec):
    """A request: a run spec, optionally with a grid over any of its paths and repeats with other seeds."""

    name: Name = "job"
    grid: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        default_factory=dict, description="path of the spec -> values; the runs are the product of all"
    )
    repeats: int = Field(1, ge=1, le=10_000, description="runs of each grid point, with the seeds seed, seed + 1, ...")

    def base(self) -> RunSpec:
        """The run that the job asks for where no grid changes it."""
        return RunSpec(**{name: getattr(self, name) for name in RunSpec.model_fields})
