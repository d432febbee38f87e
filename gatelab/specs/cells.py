"""The recurrent cells that can be asked for. A new variant adds its few lines here and one file in `gatelab/cells/`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gatelab.specs.base import Spec

Hidden = Annotated[int, Field(ge=1, le=65536, description="number of hidden units")]
Gate = Literal["reset", "update"]


class RnnSpec(Spec):
    """Elman's RNN: h' = activation(x W + h U + b)."""

    kind: Literal["rnn"]
    hidden: Hidden = 32
    activation: Literal["tanh", "relu"] = "tanh"


class GruSpec(Spec):
    """The gated recurrent unit with any subset of its gates. `gates: []` is the tanh RNN."""

    kind: Literal["gru"]
    hidden: Hidden = 32
    gates: tuple[Gate, ...] = Field(("reset", "update"), description="any subset of reset and update")
    reset: Literal["before", "after"] = Field(
        "before", description="the reset gate acts before or after the recurrent matrix product"
    )

    @field_validator("gates")
    @classmethod
    def _each_once(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        if len(set(gates)) != len(gates):
            raise ValueError("each gate may be named once; use any subset of [reset, update]")
        return tuple(sorted(gates))


class LstmSpec(Spec):
    """The long short-term memory with input, forget and output gates, without peepholes."""

    kind: Literal["lstm"]
    hidden: Hidden = 32


CellSpec = Annotated[RnnSpec | GruSpec | LstmSpec, Field(discriminator="kind")]


def in_words(cell: Spec) -> str:
    """A cell without its size, such as: kind gru, gates reset and update, reset before."""
    fields = cell.model_dump(mode="json", exclude={"hidden"})
    return ", ".join(f"{name} {' and '.join(v) if isinstance(v, list) else v}" for name, v in fields.items())
