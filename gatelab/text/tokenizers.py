"""Corpus text -> token ids and back. A tokenizer is small data: it travels inside every checkpoint."""

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.model import ByteTokenizerSpec, CharTokenizerSpec, TokenizerSpec

Ids = NDArray[np.int64]

UNKNOWN = 0
"""The id of `<unk>`: anything that is not in the vocabulary."""
BEGIN = 1
"""The id of `<bos>`: stands before the first token of a text. Never predicted."""
SPECIALS = 2
"""Ids below this are not text and are never generated."""


@dataclass(frozen=True)
class Encoded:
    """A text as ids.

    Attributes:
        ids: (tokens,) integers, without `<bos>`.
        characters: length of the text after normalisation, the unit of bits per character.
        unknown: how many characters of the original the vocabulary could not stand for.
    """

    ids: Ids
    characters: int
    unknown: int


class Tokenizer(ABC):
    """Text to ids and back."""

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of ids, the special ones included."""

    @abstractmethod
    def encode(self, text: str) -> Encoded:
        """Ids of `text`. What is not in the vocabulary becomes `<unk>`."""

    @abstractmethod
    def characters_in(self, ids: Ids) -> int:
        """How many characters of text `ids` stand for."""

    @abstractmethod
    def decoder(self) -> Callable[[int], str]:
        """A function from the next id to the text that it completes (empty inside a character of many bytes)."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything `from_json` needs to make this tokenizer again."""

    def decode(self, ids: Ids | list[int]) -> str:
        """The text of `ids`; special ids are left out."""
        decode = self.decoder()
        return "".join(decode(int(i)) for i in ids)


@dataclass(frozen=True)
class CharTokenizer(Tokenizer):
    """One id a character; the vocabulary is the sorted set of the corpus's characters."""

    kind: ClassVar[str] = "char"
    characters: str
    normalize: str

    @classmethod
    def train(cls, spec: CharTokenizerSpec, text: str) -> "CharTokenizer":
        return cls("".join(sorted(set(normalized(text, spec.normalize)))), spec.normalize)

    @property
    def vocabulary(self) -> int:
        return SPECIALS + len(self.characters)

    def encode(self, text: str) -> Encoded:
        clean = normalized(text, self.normalize)
        ids = self._lookup(clean)
        # Letters are compared before the others were made spaces: what was replaced was not known either.
        original = ids if self.normalize == "none" else self._lookup("".join(text.lower().split()))
        return Encoded(ids, len(clean), int((original == UNKNOWN).sum()))

    def characters_in(self, ids: Ids) -> int:
        return len(ids)

    def _lookup(self, text: str) -> Ids:
        """Ids of the characters of `text`, by binary search in the sorted vocabulary."""
        points, known = _code_points(text), _code_points(self.characters)
        if not len(known):
            return np.full(len(points), UNKNOWN, dtype=np.int64)
        at = np.minimum(np.searchsorted(known, points), len(known) - 1)
        return np.where(known[at] == points, at + SPECIALS, UNKNOWN)

    def decoder(self) -> Callable[[int], str]:
        return lambda i: self.characters[i - SPECIALS] if i >= SPECIALS else ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "characters": self.characters, "normalize": self.normalize}


@dataclass(frozen=True)
class ByteTokenizer(Tokenizer):
    """One id a byte of the UTF-8 text. Its vocabulary needs no corpus, so nothing is unknown."""

    kind: ClassVar[str] = "byte"

    @property
    def vocabulary(self) -> int:
        return SPECIALS + 256

    def encode(self, text: str) -> Encoded:
        ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) + SPECIALS
        return Encoded(ids, len(text), 0)

    def characters_in(self, ids: Ids) -> int:
        # Every character has one byte that is not of the form 10xxxxxx.
        return int((((ids - SPECIALS) & 0b1100_0000) != 0b1000_0000).sum())

    def decoder(self) -> Callable[[int], str]:
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        return lambda i: utf8.decode(bytes([i - SPECIALS])) if i >= SPECIALS else ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}


def train_tokenizer(spec: TokenizerSpec, text: str) -> Tokenizer:
    """The tokenizer that `spec` asks for, with the vocabulary of `text`."""
    match spec:
        case CharTokenizerSpec():
            return CharTokenizer.train(spec, text)
        case ByteTokenizerSpec():
            return ByteTokenizer()


@dataclass(frozen=True)
class Extent:
    """How many ids a corpus becomes, and of how many kinds (the special ones included)."""

    tokens: int
    vocabulary: int


def measure(spec: TokenizerSpec, text: str) -> Extent:
    """What the tokenizer of `spec` makes of the corpus that it is trained on, without making it."""
    match spec:
        case CharTokenizerSpec(normalize=normalize):
            clean = normalized(text, normalize)
            return Extent(len(clean), SPECIALS + len(set(clean)))
        case ByteTokenizerSpec():
            return Extent(len(text.encode()), SPECIALS + 256)


def from_json(data: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` wrote.

    Raises:
        ValueError: `data` is not a tokenizer.
    """
    match data:
        case {"kind": "char", "characters": str(characters), "normalize": str(normalize)}:
            return CharTokenizer(characters, normalize)
        case {"kind": "byte"}:
            return ByteTokenizer()
    raise ValueError(f"not a tokenizer: {str(data)[:100]}")


def normalized(text: str, how: str) -> str:
    """`text` as the vocabulary sees it. `letters`: runs of anything but a-z become one space, lower case."""
    return re.sub("[^a-z]+", " ", text.lower()) if how == "letters" else text


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
