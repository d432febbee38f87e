"""The input of a report: the stored data of runs, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from gatelab.specs.job import RunSpec
from gatelab.specs.resolved import resolved
from gatelab.wire.runs import RunError


class Evaluation(NamedTuple):
    """One evaluation. Losses in nats per token, seconds since the run began; None for a number that was not finite."""

    epoch: int
    step: int
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None
    bits_per_character: float | None
    test_bits_per_character: float | None
    seconds: float | None


class NamedCorpus(NamedTuple):
    """A corpus: its name, and the digest of its text."""

    name: str
    sha256: str


@dataclass(frozen=True)
class RunRecord:
    """One run. `sample` is its latest text with the prefix; `evaluations` are in the order of their steps.

    `job_runs` is the number of runs of its job. `trained_together` is the most runs that were trained in lock-step with
    it, itself included; they share the time of each step equally.
    `vocabulary` is the number of tokens that its model predicts; `validation_tokens` and `test_tokens` are the numbers
    of different tokens of the text that these parts score; None for runs of earlier versions.
    `parent` is the run from which it started, at `parent_step` of that run; None if it started from initial values.
    `held_out` are the corpora for validation and test; None if these are parts of `corpus`.
    """

    id: str
    job_id: str
    index: int
    job_runs: int
    state: str
    spec: RunSpec
    corpus_id: str
    corpus: str
    corpus_sha256: str
    parameters: int | None
    total_steps: int | None
    step: int
    epoch: int
    device: str | None
    predicted_seconds: float | None
    seconds: float | None
    tokens_per_second: float | None
    trained_together: int
    error: RunError | None
    sample: str | None
    evaluations: Sequence[Evaluation]
    vocabulary: int | None = None
    validation_tokens: int | None = None
    test_tokens: int | None = None
    held_out: tuple[NamedCorpus | None, NamedCorpus | None] = (None, None)
    parent: str | None = None
    parent_step: int | None = None

    @cached_property
    def resolved(self) -> RunSpec:
        """The resolved spec: `gatelab.specs.resolved`."""
        return resolved(self.spec)

    @property
    def corpora(self) -> list[NamedCorpus]:
        """All corpora that the run read, its training corpus first."""
        return [NamedCorpus(self.corpus, self.corpus_sha256), *(text for text in self.held_out if text)]

    @property
    def text_sha256s(self) -> tuple[str | None, str | None, str | None]:
        """SHA-256 of the texts for training, validation and test; None if a part of the first one is read."""
        validation, test = (text and text.sha256 for text in self.held_out)
        return self.corpus_sha256, validation, test

    @property
    def seed(self) -> int:
        return self.spec.training.seed

    @property
    def last(self) -> Evaluation | None:
        """The latest evaluation."""
        return self.evaluations[-1] if self.evaluations else None

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"
