"""The model around the cell, and the tokenizer in front of it."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from gatelab.equations.gate_biases import gate_biases
from gatelab.specs.base import Spec
from gatelab.specs.cells import CellSpec, GruSpec, Hidden, in_words
from gatelab.specs.dropout_rates import DropoutInput, DropoutSpec
from gatelab.specs.initial import InitSpec, PartsInitSpec

Cleaning = Literal["newlines", "nfc", "lower", "whitespace"]
CLEANINGS: tuple[Cleaning, ...] = get_args(Cleaning)
"""The steps in the order in which they are done."""

MOST_PIECES = 65_536
"""The number of tokens of a learned vocabulary."""


def _in_order(steps: tuple[Cleaning, ...]) -> tuple[Cleaning, ...]:
    return tuple(step for step in CLEANINGS if step in steps)


class _TokenizerSpec(Spec):
    """The fields of all tokenizers."""

    clean: Annotated[tuple[Cleaning, ...], Field(max_length=len(CLEANINGS)), AfterValidator(_in_order)] = Field(
        (),
        description="cleaning of every text and prompt before it is read, in this order: newlines (CRLF and CR become"
        " LF), nfc (a letter and its accents become one character), lower (lower case), whitespace (each run of white"
        " space other than LF becomes one space)",
    )


class CharTokenizerSpec(_TokenizerSpec):
    """One token per character of the corpus."""

    kind: Literal["char"]
    normalize: Literal["none", "letters"] = Field(
        "none", description="letters: lower case, and each run of anything but a-z becomes one space"
    )


class ByteTokenizerSpec(_TokenizerSpec):
    """One token per byte of the UTF-8 text."""

    kind: Literal["byte"]


class BpeTokenizerSpec(_TokenizerSpec):
    """Parts of words, learned from the training text by byte-pair encoding. All bytes are among them."""

    kind: Literal["bpe"]
    size: int = Field(1024, ge=257, le=MOST_PIECES, description="tokens, the 256 bytes included; fewer of short texts")


class UnigramTokenizerSpec(_TokenizerSpec):
    """Parts of words, learned from the training text as a unigram model. All bytes are among them."""

    kind: Literal["unigram"]
    size: int = Field(1024, ge=257, le=MOST_PIECES, description="tokens, the 256 bytes included; fewer of short texts")


class WordsTokenizerSpec(_TokenizerSpec):
    """One token per word that is frequent in the training text; all other words are one unknown token."""

    kind: Literal["words"]
    most: int = Field(10_000, ge=1, le=MOST_PIECES, description="number of words, the most frequent ones")
    at_least: int = Field(2, ge=1, le=1_000_000, description="how often a word must occur in the training text")


LearnedTokenizerSpec = BpeTokenizerSpec | UnigramTokenizerSpec | WordsTokenizerSpec
"""Tokenizers that are learned from the training text, so that the number of tokens is not known before."""

TokenizerSpec = Annotated[CharTokenizerSpec | ByteTokenizerSpec | LearnedTokenizerSpec, Field(discriminator="kind")]


class EmbeddingSpec(Spec):
    """Tokens enter the first layer as learned vectors of this size."""

    embedding: int = Field(ge=1, le=65536, description="numbers in the vector of a token")


def word_or_object(value: Any) -> str:
    """The form in which a value is written, of two."""
    return "word" if isinstance(value, str) else "object"


InputSpec = Annotated[
    Annotated[Literal["one_hot"], Tag("word")] | Annotated[EmbeddingSpec, Tag("object")],
    Discriminator(word_or_object),
]


Connections = Literal["plain", "residual", "highway"]


def _added(default: object) -> Any:
    """Leaves later fields out of the JSON if they have their defaults, so that older specs keep their bytes."""
    return lambda value: value == default


class ModelSpec(Spec):
    """input -> `layers` cells of one kind, each followed by dropout -> linear head over the vocabulary."""

    cell: CellSpec = Field(GruSpec(kind="gru"), description="the recurrent cell of every layer")
    layers: int = Field(1, ge=1, le=64, description="number of layers")
    sizes: Annotated[tuple[Hidden, ...], Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="units of each layer, the first one first; null: cell.hidden in each of `layers`. A list sets"
        " `layers` to its length, and cell.hidden to its last number",
        exclude_if=_added(None),
    )
    input: InputSpec = Field("one_hot", description="one_hot, or {embedding: size}")
    connections: Connections = Field(
        "plain",
        description="output of each layer but the first, where y is the cell's output, and x the output of the layer"
        " below: plain, y; residual, x + y (He et al. 2016); highway, t * y + (1 - t) * x (Srivastava et al. 2015)",
        exclude_if=_added("plain"),
    )
    norm: Literal["none", "layer"] = Field(
        "none",
        description="layer: the input of each layer but the first, and that of the head, is normalized over its units"
        " (Ba et al. 2016)",
        exclude_if=_added("none"),
    )
    tied: bool = Field(
        False,
        description="the head multiplies with the transposed embedding (Press & Wolf 2017; Inan et al. 2017)",
        exclude_if=_added(False),
    )
    dropout: DropoutInput = Field(
        0.0, description="on the output of every layer, in training only; or rates by place, {layers: 0.2, input: 0.1}"
    )
    initial_state: Literal["zero", "learned"] = Field(
        "zero",
        description="the state before a text: zero, or learned, a vector for each layer and tensor of its state",
        exclude_if=_added("zero"),
    )
    init: InitSpec = Field(
        "default", description="default (PyTorch's uniform), {normal: sigma}, or values by kind, gate and letter"
    )

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each layer."""
        return self.sizes or (self.cell.hidden,) * self.layers

    @property
    def inputs(self) -> tuple[int | None, ...]:
        """The size of each layer's input; None for one number per token id."""
        return (None if self.input == "one_hot" else self.input.embedding, *self.widths[:-1])

    @property
    def drops(self) -> DropoutSpec:
        """The rates of `dropout`, however they are written."""
        return self.dropout if isinstance(self.dropout, DropoutSpec) else DropoutSpec(layers=self.dropout)

    @model_validator(mode="after")
    def _layers_of_their_sizes(self) -> "ModelSpec":
        if self.sizes is None:
            return self
        # A field that differs from the default was written by a user, or by serializing this very spec.
        count, last = len(self.sizes), self.sizes[-1]
        if self.layers not in (1, count):
            raise ValueError(f"layers is {self.layers}, but sizes has {count}; leave layers out, or write {count}")
        usual = type(self.cell).model_fields["hidden"].default
        if self.cell.hidden not in (usual, last):
            raise ValueError(
                f"cell.hidden is {self.cell.hidden}, but sizes says how many units each layer has; leave hidden out, or"
                f" write the last one's {last}"
            )
        # The model is frozen except while it is made.
        object.__setattr__(self, "layers", count)
        object.__setattr__(self, "cell", self.cell.model_copy(update={"hidden": last}))
        return self

    @model_validator(mode="after")
    def _sizes_fit_one_another(self) -> "ModelSpec":
        last = self.widths[-1]
        if self.tied:
            if self.input == "one_hot":
                raise ValueError(f"tied: needs an embedding, as input: {{embedding: {last}}}; input is one_hot")
            if self.input.embedding != last:
                raise ValueError(
                    f"tied: the embedding is {self.input.embedding} wide, and the last layer {last}; they must be"
                    " equal, since the head multiplies that layer's output with the embedding"
                )
        if self.connections != "plain":
            for layer, (below, above) in enumerate(zip(self.widths, self.widths[1:], strict=False), 1):
                if below != above:
                    raise ValueError(
                        f"connections: {self.connections} needs layers of one width; layer {layer} is {above} wide, and"
                        f" the one below it {below}; use plain"
                    )
        return self

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
