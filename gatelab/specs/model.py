"""The model around the cell, and the tokenizer in front of it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gatelab.gate_biases import gate_biases
from gatelab.specs.base import Spec
from gatelab.specs.cells import CellSpec, GruSpec, in_words
from gatelab.specs.initial import InitSpec, PartsInitSpec


class CharTokenizerSpec(Spec):
    """One token per character of the corpus."""

    kind: Literal["char"]
    normalize: Literal["none", "letters"] = Field(
        "none", description="letters: runs of anything but a-z become one space, lower case"
    )


class ByteTokenizerSpec(Spec):
    """One token per byte of the UTF-8 text."""

    kind: Literal["byte"]


TokenizerSpec = Annotated[CharTokenizerSpec | ByteTokenizerSpec, Field(discriminator="kind")]


class EmbeddingSpec(Spec):
    """Tokens enter the first layer as learned vectors of this size."""

    embedding: int = Field(ge=1, le=65536)


def _shape(value: Any) -> str:
    return "word" if isinstance(value, str) else "object"


InputSpec = Annotated[
    Annotated[Literal["one_hot"], Tag("word")] | Annotated[EmbeddingSpec, Tag("object")],
    Discriminator(_shape),
]


class ModelSpec(Spec):
    """input -> `layers` cells of one kind, each followed by dropout -> linear head over the vocabulary."""

    cell: CellSpec = GruSpec(kind="gru")
    layers: int = Field(1, ge=1, le=64)
    input: InputSpec = Field("one_hot", description="one_hot, or {embedding: size}")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the output of every layer, in training only")
    init: InitSpec = Field(
        "default", description="default (PyTorch's uniform), {normal: sigma}, or values by kind, gate and letter"
    )

    @model_validator(mode="after")
    def _initial_values_of_what_there_is(self) -> "ModelSpec":
        if not isinstance(self.init, PartsInitSpec):
            return self
        gates = gate_biases(self.cell.representation)
        for gate in self.init.biases:
            if gate not in gates:
                raise ValueError(
                    f"init: the cell {in_words(self.cell)} has no gate {gate[:50]!r} with a bias of its own; it has"
                    f" {', '.join(gates) or 'none'}"
                )
        if self.init.letters:
            letters = [each.name for each in self.cell.representation.parameters]
            for letter in self.init.letters:
                if letter not in letters:
                    raise ValueError(
                        f"init.letters: the cell {in_words(self.cell)} has no letter {letter[:50]!r} to be set; it has"
                        f" {', '.join(letters) or 'none'}"
                    )
        return self
