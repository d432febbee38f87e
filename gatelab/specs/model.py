"""The model around the cell, and the tokenizer in front of it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gatelab.specs.base import Spec
from gatelab.specs.cells import CellSpec, GruSpec


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


class NormalInitSpec(Spec):
    """Weights from a normal distribution with mean 0 and this standard deviation; biases 0."""

    normal: float = Field(gt=0, le=10)


def _shape(value: Any) -> str:
    return "word" if isinstance(value, str) else "object"


InputSpec = Annotated[
    Annotated[Literal["one_hot"], Tag("word")] | Annotated[EmbeddingSpec, Tag("object")],
    Discriminator(_shape),
]
InitSpec = Annotated[
    Annotated[Literal["default"], Tag("word")] | Annotated[NormalInitSpec, Tag("object")],
    Discriminator(_shape),
]


class ModelSpec(Spec):
    """input -> `layers` cells of one kind, each followed by dropout -> linear head over the vocabulary."""

    cell: CellSpec = GruSpec(kind="gru")
    layers: int = Field(1, ge=1, le=64)
    input: InputSpec = Field("one_hot", description="one_hot, or {embedding: size}")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the output of every layer, in training only")
    init: InitSpec = Field("default", description="default (PyTorch's uniform), or {normal: sigma}")
