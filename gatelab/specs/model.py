"""The model around the cell, and the tokenizer in front of it."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from gatelab.equations.gate_biases import gate_biases
from gatelab.specs.base import Spec
from gatelab.specs.cells import CellSpec, GruSpec, in_words
from gatelab.specs.initial import InitSpec, PartsInitSpec

Cleaning = Literal["newlines", "nfc", "lower", "whitespace"]
CLEANINGS: tuple[Cleaning, ...] = get_args(Cleaning)
"""In the order in which they are done."""

MOST_PIECES = 65_536
"""Tokens of a vocabulary that is learned."""


def _in_order(steps: tuple[Cleaning, ...]) -> tuple[Cleaning, ...]:
    return tuple(step for step in CLEANINGS if step in steps)


class _TokenizerSpec(Spec):
    """What all tokenizers have."""

    clean: Annotated[tuple[Cleaning, ...], Field(max_length=len(CLEANINGS)), AfterValidator(_in_order)] = Field(
        (),
        description="what is done to every text and prompt before it is read, in this order: newlines (CRLF and CR"
        " become LF), nfc (a letter and its accents become one character), lower (lower case), whitespace (runs of"
        " white space but LF become one space)",
    )


class CharTokenizerSpec(_TokenizerSpec):
    """One token per character of the corpus."""

    kind: Literal["char"]
    normalize: Literal["none", "letters"] = Field(
        "none", description="letters: runs of anything but a-z become one space, lower case"
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
    most: int = Field(10_000, ge=1, le=MOST_PIECES, description="words, the most frequent ones")
    at_least: int = Field(2, ge=1, le=1_000_000, description="how often a word must occur in the training text")


LearnedTokenizerSpec = BpeTokenizerSpec | UnigramTokenizerSpec | WordsTokenizerSpec
"""What is learned from the training text alone, and of which a corpus does not tell how many tokens it becomes."""

TokenizerSpec = Annotated[CharTokenizerSpec | ByteTokenizerSpec | LearnedTokenizerSpec, Field(discriminator="kind")]


class EmbeddingSpec(Spec):
    """Tokens enter the first layer as learned vectors of this size."""

    embedding: int = Field(ge=1, le=65536)


def word_or_object(value: Any) -> str:
    """Which of two ways a value is written in."""
    return "word" if isinstance(value, str) else "object"


InputSpec = Annotated[
    Annotated[Literal["one_hot"], Tag("word")] | Annotated[EmbeddingSpec, Tag("object")],
    Discriminator(word_or_object),
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
