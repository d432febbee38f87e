"""Cells, as the API answers them."""

from typing import Literal

from service.views import View


class PublishedCell(View):
    """A cell that a spec may name: `{"kind": "mgu"}`."""

    name: str
    title: str
    source: str
    equations: str
    states: list[str]
    gates: list[str]


class CellParameter(View):
    """`shape` in words, `count` for the sizes that were asked for."""

    name: str
    shape: list[Literal["inputs", "hidden"]]
    count: int
    initial: float | Literal["identity"] | None


class CellNode(View):
    """An operation. `operands` are places in the list of nodes; `stage` is how many recurrent products come before."""

    op: str
    operands: list[int]
    name: str
    value: float
    stage: int


class CellAdvice(View):
    """Something that the author may not have meant: a gate that never closes, a state that may overflow, ..."""

    code: str
    name: str
    message: str


class CheckedCell(View):
    """What the equations come to.

    `stages` is how many recurrent products wait for one another, `after` the place in `nodes` of each state's new
    value. `flops` are floating-point operations of the layer a token, and `beside_gru` what share of a GRU's they are.
    """

    digest: str
    states: list[str]
    gates: list[str]
    parameters: list[CellParameter]
    parameter_count: int
    stages: int
    products: int
    flops: int
    beside_gru: float
    latex: list[str]
    mathml: str
    advice: list[CellAdvice]
    nodes: list[CellNode]
    after: list[int]
