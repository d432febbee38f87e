"""What the service answers, as frozen objects. Fields that this client does not know yet are passed over."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """One page of a list. `next` is the cursor of the page after it."""

    data: list[Item]
    next: str | None = None


class Corpus(Answer):
    """`notes` are sentences about what is invisible in the text: line ends, composition, control characters."""

    id: str
    name: str
    sha256: str
    characters: int
    created_at: datetime | None = None
    notes: list[str] = []


class Passage(Answer):
    """A piece of a corpus, from character `start` on. `characters` is the length of the whole text."""

    start: int
    text: str
    characters: int


class RunCounts(Answer):
    """How many runs of a job are in each state."""

    total: int
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: int = 0

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed + self.cancelled


class Job(Answer):
    """A job as it stood when the service answered. A submission is answered with the whole job, too."""

    id: str
    name: str
    state: str
    runs: RunCounts
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float = 0.0
    """0..1"""
    eta_seconds: float | None = None
    event: int = 0
    """The number of its latest event."""
    left_out: int = 0
    """Runs of the grid that would be the same as earlier ones and are not trained."""
    trained: str | None = None
    """An earlier job that had trained exactly these runs when this one was asked for."""

    @property
    def finished(self) -> bool:
        """Whether no run of it will go on."""
        return self.runs.finished >= self.runs.total


class ParameterRange(Answer):
    """The fewest and the most parameters of any run."""

    smallest: int
    largest: int


class Memory(Answer):
    """What the run that needs most needs about; `covers` says which parts of it."""

    bytes: int
    covers: str = ""


class PredictedSeconds(Answer):
    """Seconds of all runs one after the other, and of the longest. None if nothing is known; `reason` says why."""

    total: float | None = None
    longest_run: float | None = None
    device: str | None = None
    calibrated_from: int = 0
    """How many past runs on `device` these are predicted from."""
    reason: str | None = None


class Plan(Answer):
    """What a job would cost."""

    runs: int
    parameters: ParameterRange
    memory: Memory
    seconds: PredictedSeconds
    left_out: int = 0
    """Runs of the grid that would be the same as earlier ones and are not trained."""
    trained: str | None = None
    """An earlier job that has trained exactly these runs."""


class Metrics(Answer):
    """The latest evaluation of a run. Perplexities are per token, times in seconds.

    `warnings` say what keeps the numbers from being believed.
    """

    train_perplexity: float | None = None
    validation_perplexity: float | None = None
    test_perplexity: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    learning_rate: float | None = None
    """The rate of the step before."""
    ended_by: str | None = None
    """Why training ended: epochs, patience, target, max_steps, max_tokens or max_seconds."""
    seconds: float | None = None
    tokens_per_second: float | None = None
    trained_together: int | None = None
    """The most runs that shared the time of a step, this one included: their seconds are not independent."""
    vocabulary: int | None = None
    validation_tokens: int | None = None
    test_tokens: int | None = None
    warnings: list[str] | None = None


class RunError(Answer):
    """Why a run failed."""

    type: str
    message: str = ""


class Run(Answer):
    id: str
    job: str
    index: int
    state: str
    spec: dict[str, Any]
    parameters: int | None = None
    step: int = 0
    total_steps: int | None = None
    epoch: int = 0
    metrics: Metrics = Metrics()
    sample: str | None = None
    error: RunError | None = None
    device: str | None = None
    engine: str | None = None
    """What computes it: native, torch or triton; None before it started."""
    parent: str | None = None
    """The run that it began from, which may be deleted since."""
    parent_step: int | None = None
    weights_sha256: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Change(Answer):
    """A field of the spec that differs from the parent's, as JSON texts; None where there is no such field."""

    path: str
    before: str | None = None
    after: str | None = None


class TreeNode(Answer):
    """A run among those that began from one another. `depth` is 0 at the root."""

    run: str
    job: str
    name: str
    depth: int
    parent: str | None = None
    parent_step: int | None = None
    state: str
    step: int = 0
    validation_perplexity: float | None = None
    changes: list[Change] = []


class GateStatistics(Answer):
    """One gate over units and held-out tokens: its mean, and the shares of activations under 0.1 and over 0.9."""

    mean: float | None = None
    near_zero: float | None = None
    near_one: float | None = None


class MetricPoint(Answer):
    """One evaluation of a run. Losses are nats per token; what was not a finite number is None.

    `gates` has one entry a layer, from the name of the gate to its statistics; None unless the spec asked for it.
    """

    epoch: int
    step: int
    train_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    tokens: int = 0
    """How many tokens it was trained on until then."""
    seconds: float | None = None
    tokens_per_second: float | None = None
    learning_rate: float | None = None
    gates: list[dict[str, GateStatistics]] | None = None


class RunCurve(Answer):
    """The evaluations of one run of a job. Each field is a list over them. `index` is the run's place in the job."""

    run: str
    index: int
    epoch: list[int]
    step: list[int]
    train_loss: list[float | None] = []
    validation_loss: list[float | None] = []
    bits_per_character: list[float | None] = []
    learning_rate: list[float | None] = []
    seconds: list[float | None] = []
    tokens_per_second: list[float | None] = []


class RunCurves(Answer):
    data: list[RunCurve]


class Sample(Answer):
    """Text that a run generated while it learned."""

    step: int
    epoch: int
    prefix: str = ""
    text: str


class Checkpoint(Answer):
    """A checkpoint that can be downloaded or generated from. `size` is in bytes."""

    step: int
    epoch: int
    sha256: str
    size: int
    created_at: datetime | None = None


class Generation(Answer):
    """Generated text: without the prompt, `tokens` long, from the checkpoint of step `checkpoint`."""

    text: str = ""
    tokens: int
    finish_reason: str
    checkpoint: int | None = None
    unknown_characters: int = 0
    """Characters of the prompt that the run's tokenizer does not know; the model saw <unk> for them."""
    state: str | None = None
    """What a later request can go on from; None where no state was asked for."""
    held: str = ""
    """Text behind the end that may begin a stop string: a request that goes on shows it, or ends there."""


class MixedState(Answer):
    state: str


class Score(Answer):
    """How likely a model finds a text: nats per token, and of every token in `log_probabilities`."""

    loss: float
    perplexity: float | None = None
    bits_per_character: float
    characters: int
    tokens: int
    unknown_characters: int = 0
    log_probabilities: list[float] | None = None


class Scores(Answer):
    checkpoint: int
    data: list[Score]


class PublishedCell(Answer):
    """A cell that a spec may name: `{"kind": "mgu"}`."""

    name: str
    title: str = ""
    source: str = ""
    equations: str = ""
    states: list[str] = []
    gates: list[str] = []


class CellParameter(Answer):
    """`shape` in words: `inputs`, `hidden`. `count` for the sizes that were asked for."""

    name: str
    shape: list[str] = []
    count: int
    initial: float | str | None = None


class CellAdvice(Answer):
    """Something that the author may not have meant."""

    code: str
    name: str
    message: str


class CheckedCell(Answer):
    """What equations come to. `flops` are those of the layer a token, `beside_gru` what share of a GRU's they are."""

    digest: str
    states: list[str]
    gates: list[str]
    parameters: list[CellParameter]
    parameter_count: int
    stages: int
    products: int
    flops: int
    beside_gru: float
    latex: list[str] = []
    mathml: str = ""
    advice: list[CellAdvice] = []


class UnitStatistics(Answer):
    """Across the units, one number per step: quantiles by share (`0.5`), and for gates the shares near 0 and 1."""

    mean: list[float | None]
    quantiles: dict[str, list[float | None]] = {}
    near_zero: list[float | None] | None = None
    near_one: list[float | None] | None = None


class StateRows(Answer):
    """A tensor of a state by its name: a row a step, a column for each unit."""

    name: str
    rows: list[list[float | None]] = []


class LayerGates(Answer):
    """One layer: a row a step, a column for each of `units`; all None without `values`.

    `hidden` is the output h, `cell` the state c of an LSTM; `states` are the other tensors of a state.
    """

    layer: int
    units: list[int]
    gates: dict[str, list[list[float | None]]] | None = None
    hidden: list[list[float | None]] | None = None
    cell: list[list[float | None]] | None = None
    states: list[StateRows] | None = None
    statistics: dict[str, UnitStatistics] = {}


class NextToken(Answer):
    token: str
    id: int
    probability: float | None = None


class InputInfluence(Answer):
    """The norm of the Jacobian with respect to the input of step `at`, which read `token`."""

    at: int
    token: str = ""
    norm: float | None = None


class Influence(Answer):
    """On what the hidden state of `layer` after step `output` depends; see `gatelab.specs.InfluenceSpec`."""

    output: int
    layer: int
    inputs: list[InputInfluence]
    initial_state: float | None = None
    memory_length: int | None = None


class Gates(Answer):
    """What the gates did. Step 0 reads `<bos>`, step k the k-th token: `tokens` and all rows begin with step 0."""

    checkpoint: int
    tokens: list[str]
    unknown_characters: int = 0
    layers: list[LayerGates]
    next: list[NextToken]
    """What may follow the text, the likeliest first."""
    influence: Influence | None = None


class Recall(Answer):
    """The share of the `symbols` that the model found likeliest. `chance` is the share that guessing would get."""

    checkpoint: int
    accuracy: float
    loss: float | None = None
    chance: float
    symbols: int


class Event(Answer):
    """Something that a job reported. Events of a job are numbered in the order in which they happened."""

    id: int
    type: str
    run: str | None = None
    data: dict[str, Any] = {}


class ApiKey(Answer):
    """A key without its secret. Times are seconds since 1970."""

    id: str
    account: str
    name: str
    scope: str
    created_at: float
    revoked_at: float | None


class ApiKeys(Answer):
    data: list[ApiKey]


class NewKey(Answer):
    """A key just made; `secret` is what requests are sent with."""

    key: ApiKey
    secret: str
