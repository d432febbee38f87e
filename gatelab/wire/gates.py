"""What gates and hidden units do while a run reads a text."""

from pydantic import ConfigDict, Field

from gatelab.wire.base import Wire

Rows = list[list[float | None]]
Series = list[float | None]


class _Part(Wire):
    """A part of a large answer, in which a field that has a default may be missing."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)


class UnitStatistics(_Part):
    """Across the units, one number per step."""

    mean: Series
    quantiles: dict[str, Series] = Field(description="by their level; `0.5` is the median")
    near_zero: Series | None = Field(None, description="share of units under 0.1, for gates alone")
    near_one: Series | None = Field(None, description="share of units over 0.9, for gates alone")


class StateRows(_Part):
    """A tensor of a state by its name: a row for each step, a column for each unit."""

    name: str
    rows: Rows


class LayerGates(_Part):
    """One layer: a row for each step, a column for each of `units`; all null without `values`."""

    layer: int
    units: list[int]
    gates: dict[str, Rows] | None
    hidden: Rows | None = Field(description="the output h")
    cell: Rows | None = Field(None, description="the state c of an LSTM")
    states: list[StateRows] | None = Field(None, description="the other tensors of a state")
    statistics: dict[str, UnitStatistics]


class NextToken(_Part):
    token: str
    id: int
    probability: float | None


class InputInfluence(_Part):
    """The norm of the Jacobian with respect to the input of step `at`, which read `token`."""

    at: int
    token: str
    norm: float | None


class GatesInfluence(_Part):
    """Frobenius norms of the Jacobians of the hidden state of `layer` after step `output`."""

    output: int
    layer: int
    inputs: list[InputInfluence]
    initial_state: float | None
    memory_length: int | None = Field(
        description="number of inputs, counted back from that of `output`, up to the earliest whose influence is at"
        " least 1 % of the greatest; null if that is the input of step 0, and 0 if no input has any influence",
    )


class Gates(_Part):
    """Step 0 reads `<bos>`, step k the k-th token of the text: `tokens`, and all rows, begin with step 0."""

    checkpoint: int
    tokens: list[str]
    unknown_characters: int
    layers: list[LayerGates]
    next: list[NextToken] = Field(description="tokens that may follow the text, the likeliest first")
    influence: GatesInfluence | None
