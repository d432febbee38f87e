"""The specs of jobs and runs."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, StringConstraints, Tag

from gatelab.specs.base import Spec, Text
from gatelab.specs.model import CharTokenizerSpec, ModelSpec, TokenizerSpec, word_or_object
from gatelab.specs.training import TrainingSpec
from gatelab.specs.warm_start import StartSpec

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=100)]
"""Names people give: letters, digits, dot, dash, underscore; at most 100."""


class TextsSpec(Spec):
    """Corpora by their names or ids. A part that has no text of its own is cut from the training text."""

    train: Name = Field(description="the corpus to train on")
    validation: Name | None = Field(None, description="the corpus to validate on; null: a part of the training text")
    test: Name | None = Field(None, description="the corpus to test on; null: a part of the training text")

    @property
    def several(self) -> bool:
        """Whether a part has a text of its own."""
        return self.validation is not None or self.test is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The corpora that are named, the training text first."""
        return tuple(name for name in (self.train, self.validation, self.test) if name is not None)


CorpusSpec = Annotated[
    Annotated[Name, Tag("word")] | Annotated[TextsSpec, Tag("object")],
    Discriminator(word_or_object),
]


class RunSpec(Spec):
    """One model trained once: every hyper-parameter resolved, and a seed."""

    corpus: CorpusSpec = Field(description="name or id of a corpus, or {train: a, validation: b, test: c}")
    tokenizer: TokenizerSpec = Field(CharTokenizerSpec(kind="char"), description="how texts become tokens")
    model: ModelSpec = Field(ModelSpec(), description="cell, layers and head")
    training: TrainingSpec = Field(TrainingSpec(), description="windows, optimizer, epochs, evaluation")
    start: StartSpec | None = Field(None, description="a checkpoint of another run to start from")

    @property
    def texts(self) -> TextsSpec:
        """The corpora, however they are written."""
        return self.corpus if isinstance(self.corpus, TextsSpec) else TextsSpec(train=self.corpus)


class JobSpec(RunSpec):
    """A request: a run spec, optionally with a grid over any of its paths and repeats with other seeds."""

    name: Name = Field("job", description="name of the job in lists and reports")
    grid: dict[Text, Annotated[list[Any], Field(min_length=1)]] = Field(
        default_factory=dict, description="paths of the spec, each with its values; the runs are all combinations"
    )
    repeats: int = Field(1, ge=1, le=10_000, description="runs of each grid point, with the seeds seed, seed + 1, ...")

    def base(self) -> RunSpec:
        """The run of the job before the grid changes it."""
        return RunSpec(**{name: getattr(self, name) for name in RunSpec.model_fields})
