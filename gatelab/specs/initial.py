"""The initial values of a model's parameters in a spec: for all of them, by kind, by gate, or by letter."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gatelab.specs.base import Spec, Text


class NormalInitSpec(Spec):
    """Weights from a normal distribution with mean 0 and this standard deviation; biases 0."""

    normal: float = Field(gt=0, le=10, description="standard deviation")


class NormalSpec(Spec):
    """From a normal distribution with mean 0 and this standard deviation."""

    normal: float = Field(gt=0, le=10, description="standard deviation")


class UniformSpec(Spec):
    """From a uniform distribution between minus this number and this number."""

    uniform: float = Field(gt=0, le=10, description="bound of the distribution")


Constant = Annotated[float, Field(ge=-100, le=100)]
MatrixWord = Literal["orthogonal", "identity", "xavier", "he"]
"""orthogonal (Saxe et al. 2014); identity (Le et al. 2015); uniform, as Glorot & Bengio (2010); normal, as He et al.
(2015)."""


def _drawn(value: Any) -> str:
    if isinstance(value, str):
        return "word"
    if isinstance(value, NormalSpec) or (isinstance(value, dict) and "normal" in value):
        return "object"
    return "bounded" if isinstance(value, UniformSpec | dict) else "number"


MatrixInit = Annotated[
    Annotated[MatrixWord, Tag("word")]
    | Annotated[NormalSpec, Tag("object")]
    | Annotated[UniformSpec, Tag("bounded")]
    | Annotated[Constant, Tag("number")],
    Discriminator(_drawn),
]
"""A word, {normal: deviation}, {uniform: bound}, or a number that all values are."""


class PartsInitSpec(Spec):
    """Initial values by the kind of the parameter, by gate or by letter; other parameters keep their default.

    A letter goes before a gate, and a gate before a kind. What a cell's equations set stays, unless it is named by gate
    or letter. Where a parameter holds the matrices of several gates, each matrix is drawn separately.
    """

    recurrent: MatrixInit | None = Field(None, description="matrices that the state is multiplied with")
    input: MatrixInit | None = Field(None, description="matrices that the input of a layer is multiplied with")
    head: MatrixInit | None = Field(None, description="the matrix before the logits")
    embedding: MatrixInit | None = Field(None, description="the learned vectors of the tokens")
    bias: Constant | None = Field(None, description="biases of the cell and of the head")
    forget: Constant | None = Field(None, description="bias of the gate of this name; as gates: {forget: ...}")
    gates: dict[Text, Constant] = Field({}, max_length=64, description="names of gates, each with its bias")
    letters: dict[Text, MatrixInit] = Field(
        {},
        max_length=64,
        description="letters of the cell's equations, each with its initial values, as in U_z: orthogonal",
    )

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def biases(self) -> dict[str, float]:
        """Gate -> its bias."""
        return dict(self.gates) | ({} if self.forget is None else {"forget": self.forget})


def _shape(value: Any) -> str:
    if isinstance(value, str):
        return "word"
    if isinstance(value, NormalInitSpec) or (isinstance(value, dict) and (not value or "normal" in value)):
        return "object"
    return "parts"


InitSpec = Annotated[
    Annotated[Literal["default"], Tag("word")]
    | Annotated[NormalInitSpec, Tag("object")]
    | Annotated[PartsInitSpec, Tag("parts")],
    Discriminator(_shape),
]
"""`default` is PyTorch's: uniform between -1 / sqrt(hidden) and 1 / sqrt(hidden), embeddings normal (0, 1)."""
