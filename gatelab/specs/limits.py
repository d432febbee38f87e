"""The limits of an installation. Specs have bounds by meaning; limits depend on the machine."""

from collections.abc import Iterator

from pydantic import Field

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs.base import Spec
from gatelab.specs.job import RunSpec
from gatelab.specs.model import ModelSpec


class Limits(Spec):
    """Upper bounds, each set by the environment as `GATELAB_LIMITS__<NAME>`."""

    words = True

    hidden: int = Field(4096, ge=1, description="hidden units of a layer")
    layers: int = Field(16, ge=1, description="layers of a model")
    embedding: int = Field(4096, ge=1, description="size of an embedding")
    batch_size: int = Field(65_536, ge=1, description="windows of a batch")
    num_steps: int = Field(65_536, ge=1, description="tokens of a window")
    epochs: int = Field(100_000, ge=1, description="epochs of a run")
    runs_per_job: int = Field(1000, ge=1, description="runs of a job: grid times repeats")
    corpus_bytes: int = Field(64 * 2**20, ge=1, description="UTF-8 bytes of a corpus")
    body_bytes: int = Field(80 * 2**20, ge=1, description="bytes of the body of a request that adds a corpus")
    spec_bytes: int = Field(2**20, ge=1, description="bytes of the body of a request with a job's spec")
    request_bytes: int = Field(16 * 2**20, ge=1, description="bytes of the body of any other request")
    unanswered_bytes: int = Field(
        32 * 2**20, ge=1, description="bytes of the bodies of all requests of an account that are not answered yet"
    )
    job_flops: int = Field(10**18, ge=1, description="floating-point operations of all runs of a job")
    step_flops: int = Field(2 * 10**12, ge=1, description="floating-point operations of one training step")
    run_memory_bytes: int = Field(
        0,
        ge=0,
        description="bytes of memory that a run may need, as estimated; 0: as much as the service's machine has",
    )
    account_bytes: int = Field(
        100 * 2**30, ge=1, description="bytes of an account's corpora and of all that its runs may leave"
    )
    queued_runs: int = Field(20_000, ge=1, description="unfinished runs of an account")
    requests_per_second: int = Field(
        1000, ge=1, description="requests with one key in one second, over all service processes that share counts_url"
    )
    generations: int = Field(
        256,
        ge=1,
        description="texts generated at once for an account, over all service processes that share counts_url",
    )
    computations: int = Field(
        4, ge=1, description="requests of an account that compute at once, in each service process"
    )
    waiting: int = Field(64, ge=0, description="further requests of an account that may wait for their turn to compute")
    request_flops: int = Field(
        10**13, ge=1, description="floating-point operations of one request for scores, gates, recall or text"
    )
    event_streams: int = Field(
        256, ge=1, description="open event streams of an account, over all service processes that share counts_url"
    )
    prompt_characters: int = Field(100_000, ge=1, description="characters of a prompt")
    max_tokens: int = Field(100_000, ge=1, description="tokens that one request may generate")
    score_characters: int = Field(4_000_000, ge=1, description="characters of all texts that one request may score")
    logprob_values: int = Field(
        1_000_000, ge=1, description="log-probabilities in the answer to one request for completions"
    )
    gate_values: int = Field(2_000_000, ge=1, description="numbers in the answer to one request for gates")
    recall_characters: int = Field(2_000_000, ge=1, description="characters that one test of recall may read")
    influence_work: int = Field(
        50_000_000_000, ge=1, description="multiplications of one influence: steps x hidden units x recurrent weights"
    )

    def check(self, spec: RunSpec) -> None:
        """
        Raises:
            InvalidSpec: naming every path of `spec` that is over its limit.
        """
        if over := list(self._over(spec)):
            raise InvalidSpec(over)

    def _over(self, spec: RunSpec) -> Iterator[Problem]:
        embedding = 0 if spec.model.input == "one_hot" else spec.model.input.embedding
        for path, value, limit in (
            *_units(spec.model, self.hidden),
            ("model.layers" if spec.model.sizes is None else "model.sizes", spec.model.layers, self.layers),
            ("model.input.embedding", embedding, self.embedding),
            ("training.batch_size", spec.training.batch_size, self.batch_size),
            ("training.num_steps", spec.training.num_steps, self.num_steps),
            ("training.epochs", spec.training.epochs, self.epochs),
        ):
            if value > limit:
                yield Problem(path, f"{value} exceeds this installation's limit of {limit}")


def _units(model: ModelSpec, limit: int) -> list[tuple[str, int, int]]:
    """The units of layers, each with the path at which they are said."""
    if model.sizes is None:
        return [("model.cell.hidden", model.cell.hidden, limit)]
    return [(f"model.sizes.{layer}", units, limit) for layer, units in enumerate(model.sizes)]
