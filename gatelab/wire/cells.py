"""Recurrent cells written as equations: list, show, check."""

from typing import Literal

from pydantic import Field

from gatelab.wire.base import Wire


class PublishedCell(Wire):
    """A cell that a spec may name: `{"kind": "mgu"}`."""

    name: str
    title: str = ""
    source: str = ""
    equations: str = ""
    states: list[str] = []
    gates: list[str] = []


class CellParameter(Wire):
    name: str
    shape: list[Literal["inputs", "hidden"]] = Field([], description="its axes, in words")
    count: int = Field(description="number of its values at the requested sizes")
    initial: float | Literal["identity"] | None = None


class CellNode(Wire):
    """An operation of a cell."""

    op: str
    operands: list[int] = Field([], description="places of the operands in the list of nodes")
    name: str = ""
    value: float = 0.0
    stage: int = Field(0, description="number of recurrent products that are computed before it")


class CellAdvice(Wire):
    """Something that the author may not have intended: a gate that never closes, a state that may overflow, ..."""

    code: str
    name: str
    message: str


class CheckedCell(Wire):
    """What the equations compute and cost."""

    digest: str
    states: list[str]
    gates: list[str]
    parameters: list[CellParameter]
    parameter_count: int
    stages: int = Field(description="number of recurrent products that must be computed one after another")
    products: int
    flops: int = Field(description="floating-point operations of the layer for one token")
    beside_gru: float = Field(description="flops divided by those of a GRU of the same size")
    latex: list[str] = []
    mathml: str = ""
    advice: list[CellAdvice] = []
    nodes: list[CellNode] = []
    after: list[int] = Field([], description="the place in `nodes` of each state's new value")
