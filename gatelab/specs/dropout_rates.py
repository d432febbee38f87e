"""Dropout and zoneout: what training drops at random."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from gatelab.specs.base import Spec

Rate = Annotated[float, Field(ge=0, lt=1)]


class DropoutSpec(Spec):
    """Dropout rates by place. A plain number is `{layers: number}`.

    What is kept is scaled up by 1 / (1 - rate), so that evaluation needs no masks (Srivastava et al. 2014).
    """

    layers: Rate = Field(0.0, description="rate on the output of every layer")
    input: Rate = Field(
        0.0, description="rate on the input of the first layer: the embedding, or the whole one-hot token"
    )
    recurrent: Rate = Field(
        0.0,
        description="rate on the state that the recurrent matrices multiply, with one mask for all steps (Gal &"
        " Ghahramani 2016)",
    )
    zoneout: Rate = Field(
        0.0,
        description="share of each state's numbers that keep their old value in a training step; in evaluation, each"
        " number is the mean of old and new value, weighted by this share (Krueger et al. 2017)",
    )
    variational: bool = Field(
        False, description="layers and input also use one mask for all steps of a window (Gal & Ghahramani 2016)"
    )

    @property
    def masks(self) -> bool:
        """Whether a training step draws anything."""
        return any((self.layers, self.input, self.recurrent, self.zoneout))

    @property
    def shortest(self) -> "float | DropoutSpec":
        """The same in the shortest words."""
        if not (self.input or self.recurrent or self.zoneout) and not (self.layers and self.variational):
            return self.layers
        return self if self.layers or self.input else self.model_copy(update={"variational": False})


def _number_or_object(value: Any) -> str:
    return "object" if isinstance(value, dict | DropoutSpec) else "number"


DropoutInput = Annotated[
    Annotated[Rate, Tag("number")] | Annotated[DropoutSpec, Tag("object")],
    Discriminator(_number_or_object),
]
