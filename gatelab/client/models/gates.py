"""What gates and hidden units do while a run reads a text."""

from gatelab.client.models.base import Answer


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
