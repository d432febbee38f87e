"""Recurrent cells as equations."""

from gatelab.client.models.base import Answer


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
