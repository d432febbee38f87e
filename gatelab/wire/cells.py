"""Recurrent cells as equations."""

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
    shape: list[Literal["inputs", "hidden"]] = Field([], description="in words")
    count: int = Field(description="for the sizes that were asked for")
    initial: float | Literal["identity"] | None = None


class CellNode(Wire):
    """An operation."""

    op: str
    operands: list[int] = Field([], description="places in the list of nodes")
    name: str = ""
    value: float = 0.0
    stage: int = Field(0, description="how many recurrent products come before")


class CellAdvice(Wire):
    """Something that the author may not have meant: a gate that never closes, a state that may overflow, ..."""

    code: str
    name: str
    message: str


class CheckedCell(Wire):
    """What the equations come to."""

    digest: str
    states: list[str]
    gates: list[str]
    parameters: list[CellParameter]
    parameter_count: int
    stages: int = Field(description="how many recurrent products wait for one another")
    products: int
    flops: int = Field(description="floating-point operations of the layer for one token")
    beside_gru: float = Field(description="what share of a GRU's operations they are")
    latex: list[str] = []
    mathml: str = ""
    advice: list[CellAdvice] = []
    nodes: list[CellNode] = []
    after: list[int] = Field([], description="the place in `nodes` of each state's new value")
