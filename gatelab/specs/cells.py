"""The recurrent cells that a model may have: the classic ones by their options, any other by its equations."""

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, field_validator

from gatelab.equations import InvalidEquations, Representation, canonical, families, read
from gatelab.equations.bounds import CHARACTERS, NAME_LENGTH
from gatelab.equations.zoo import zoo
from gatelab.specs.base import Spec, Text

Hidden = Annotated[int, Field(ge=1, le=65536, description="number of hidden units")]
Gate = Literal["reset", "update"]


class RnnSpec(Spec):
    """Elman's RNN: h' = activation(x W + h U + b)."""

    kind: Literal["rnn"]
    hidden: Hidden = 32
    activation: Literal["tanh", "relu"] = Field("tanh", description="function of the new state")

    @property
    def equations(self) -> str:
        return families.rnn(self.activation)

    @property
    def representation(self) -> Representation:
        """What the equations compute and cost."""
        return read(self.equations)


class GruSpec(Spec):
    """The gated recurrent unit with any subset of its gates. `gates: []` is the tanh RNN."""

    kind: Literal["gru"]
    hidden: Hidden = 32
    gates: tuple[Gate, ...] = Field(("reset", "update"), max_length=2, description="any subset of reset and update")
    reset: Literal["before", "after"] = Field(
        "before", description="the reset gate acts before or after the recurrent matrix product"
    )

    @field_validator("gates")
    @classmethod
    def _each_once(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        if len(set(gates)) != len(gates):
            raise ValueError("each gate may be named once; use any subset of [reset, update]")
        return tuple(sorted(gates))

    @property
    def equations(self) -> str:
        return families.gru(self.gates, self.reset)

    @property
    def representation(self) -> Representation:
        """What the equations compute and cost."""
        return read(self.equations)


class LstmSpec(Spec):
    """The long short-term memory with input, forget and output gates, without peepholes."""

    kind: Literal["lstm"]
    hidden: Hidden = 32

    @property
    def equations(self) -> str:
        return families.lstm()

    @property
    def representation(self) -> Representation:
        """What the equations compute and cost."""
        return read(self.equations)


def _can_be_computed(equations: str) -> str:
    try:
        read(equations)
    except InvalidEquations as error:
        raise ValueError(error.problems[0].message) from None
    return equations


Equations = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=CHARACTERS,
        description="one assignment per line; h' is the output: h' = tanh(W @ x + U @ h + b)",
    ),
    AfterValidator(_can_be_computed),
]
"""The text that defines a cell."""


class EquationsSpec(Spec):
    """Any cell, written as equations. `gatelab.equations` describes their language."""

    kind: Literal["equations"]
    name: Annotated[Text, Field(min_length=1, max_length=NAME_LENGTH)] | None = Field(
        None, description="what reports call the cell"
    )
    hidden: Hidden = 32
    equations: Equations

    @property
    def representation(self) -> Representation:
        """What the equations compute and cost."""
        return read(self.equations)

    @property
    def canonical(self) -> "EquationsSpec":
        """The same cell without name, comments and spaces, which do not affect its results."""
        return self.model_copy(update={"name": None, "equations": canonical(self.equations)})

    @property
    def digest(self) -> str:
        """A digest that is equal for cells whose equations differ at most in spaces and comments."""
        return hashlib.sha256(self.canonical.equations.encode()).hexdigest()

    @property
    def title(self) -> str:
        """Its name, or a few digits of its digest."""
        return self.name or f"equations {self.digest[:8]}"


if TYPE_CHECKING:
    PublishedName: TypeAlias = str
else:
    PublishedName = Literal[tuple(name for name in zoo() if name not in ("rnn", "gru", "lstm"))]


class PublishedSpec(Spec):
    """A published cell that comes with Gatelab: `{kind: mgu}`. It is stored as its equations."""

    kind: PublishedName
    hidden: Hidden = 32

    @property
    def written_out(self) -> EquationsSpec:
        equations = zoo()[self.kind].equations
        return EquationsSpec(kind="equations", name=self.kind, hidden=self.hidden, equations=equations)


if TYPE_CHECKING:
    CellSpec: TypeAlias = RnnSpec | GruSpec | LstmSpec | EquationsSpec
else:
    _WrittenOut = Annotated[PublishedSpec, AfterValidator(lambda cell: cell.written_out)]
    CellSpec = Annotated[RnnSpec | GruSpec | LstmSpec | EquationsSpec | _WrittenOut, Field(discriminator="kind")]


def in_words(cell: Spec) -> str:
    """A cell without its size, such as: kind gru, gates reset and update, reset before."""
    if isinstance(cell, EquationsSpec):
        return cell.title
    fields = cell.model_dump(mode="json", exclude={"hidden"})
    return ", ".join(f"{name} {' and '.join(v) if isinstance(v, list) else v}" for name, v in fields.items())
