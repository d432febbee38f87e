"""The syntax of one line, as a tree that remembers the place of everything."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gatelab.equations.mistakes import Place

Operator: TypeAlias = Literal["+", "-", "*", "/"]


@dataclass(frozen=True)
class Number:
    value: float
    place: Place


@dataclass(frozen=True)
class Name:
    """A name; `text` of a primed one has its prime."""

    text: str
    place: Place


@dataclass(frozen=True)
class Call:
    function: str
    arguments: "tuple[Expression, ...]"
    place: Place


@dataclass(frozen=True)
class Product:
    """A matrix times a vector: `matrix @ operand`."""

    matrix: Name
    operand: "Expression"
    place: Place


@dataclass(frozen=True)
class Binary:
    operator: Operator
    left: "Expression"
    right: "Expression"
    place: Place


@dataclass(frozen=True)
class Minus:
    operand: "Expression"
    place: Place


Expression: TypeAlias = Number | Name | Call | Product | Binary | Minus


@dataclass(frozen=True)
class Declaration:
    """`vector a, c = 1`: parameters that are neither matrices of products nor biases, or that have an initial value."""

    kind: Literal["matrix", "vector", "scalar"]
    name: str
    initial: float | Literal["identity"] | None
    place: Place


@dataclass(frozen=True)
class Assignment:
    """`name = value`, where a name with a prime is a state after the step; `gate` if the author marks it as one."""

    name: Name
    value: Expression
    gate: bool


Line: TypeAlias = Assignment | Declaration
