"""What all tokenizers have in common. A tokenizer is small data: it travels inside every checkpoint."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.model import CLEANINGS, Cleaning
from gatelab.text.cleaning import cleaned, origins

Ids = NDArray[np.int64]

UNKNOWN = 0
"""The id of `<unk>`: anything that is not in the vocabulary."""
BEGIN = 1
"""The id of `<bos>`, which precedes the first token of a text. It is never predicted."""
SPECIALS = 2
"""Ids below this are not text and are never generated."""
SPECIAL_NAMES = ("<unk>", "<bos>")
"""How the special ids are shown."""


@dataclass(frozen=True)
class Encoded:
    """A text as ids.

    Attributes:
        ids: (tokens,) integers, without `<bos>`.
        characters: the number of characters that the ids stand for after cleaning and normalization, the unit of bits
            per character. If each character has its own id, an unknown one counts too.
        unknown: the number of original characters that are not in the vocabulary.
    """

    ids: Ids
    characters: int
    unknown: int


@dataclass(frozen=True)
class Tokenizer(ABC):
    """Text to ids and back.

    Attributes:
        clean: the cleaning of every text before it is read, in training and in prompts alike.
    """

    kind: ClassVar[str]
    clean: tuple[Cleaning, ...] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """The number of ids, including the special ones."""

    @property
    @abstractmethod
    def alphabet(self) -> str | None:
        """The characters of the vocabulary, sorted; None if it can represent others as well."""

    def encode(self, text: str) -> Encoded:
        """Ids of `text`. Characters or words that are not in the vocabulary become `<unk>`."""
        return self._encode(cleaned(text, self.clean))

    def places(self, text: str) -> Ids:
        """The place in the given `text` at which each id of `encode(text)` begins."""
        if not self.clean:
            return self._places(text)
        origin = origins(text, self.clean)
        return origin[self._places(cleaned(text, self.clean))]

    @abstractmethod
    def _encode(self, text: str) -> Encoded:
        """Ids of a clean text."""

    @abstractmethod
    def _places(self, text: str) -> Ids:
        """`places` of a clean text."""

    @abstractmethod
    def name(self, token: int) -> str:
        """How an id is shown by itself; different ids have different names.

        Bytes that are not whole characters are shown as OpenAI shows them.
        """

    @abstractmethod
    def characters_in(self, ids: Ids) -> int:
        """The number of characters of text that `ids` stand for."""

    @abstractmethod
    def decoder(self, pending: bytes = b"") -> "TextDecoder":
        """A decoder of ids that come one after the other.

        Args:
            pending: where an earlier decoder stopped.
        """

    def begun(self, ids: Ids) -> bytes:
        """The pending bytes of a decoder that has read `ids` (tokens,)."""
        return b""

    def to_json(self) -> dict[str, Any]:
        """Everything `from_json` needs to restore this tokenizer."""
        cleaning = {"clean": list(self.clean)} if self.clean else {}
        return {"kind": self.kind, **self._fields(), **cleaning}

    def _fields(self) -> dict[str, Any]:
        """The fields of `to_json` that only this kind has."""
        return {}

    def decode(self, ids: Ids | list[int]) -> str:
        """The text of `ids`; special ids are left out."""
        decode = self.decoder()
        return "".join(decode(int(i)) for i in ids)


class TextDecoder(ABC):
    """Decodes ids that come one after the other."""

    @property
    @abstractmethod
    def pending(self) -> bytes:
        """The bytes of an incomplete character, with which another decoder continues."""

    @abstractmethod
    def __call__(self, token: int) -> str:
        """The text that the next id completes: empty for special ids, and inside a character of many bytes."""

    def many(self, ids: Ids) -> str:
        """The text that the next ids (tokens,) complete together."""
        return "".join(map(self, ids.tolist()))

    @abstractmethod
    def place(self, token: int, at: int) -> tuple[int, str]:
        """The next id's text, and the place where it begins, if the text before it ends at character `at`."""


class Whole(TextDecoder):
    """Decodes ids that stand for whole characters."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    @property
    def pending(self) -> bytes:
        return b""

    def __call__(self, token: int) -> str:
        return self._texts[token - SPECIALS] if token >= SPECIALS else ""

    def place(self, token: int, at: int) -> tuple[int, str]:
        return at, self(token)


def read_clean(data: Any) -> tuple[Cleaning, ...]:
    """The cleaning that `to_json` wrote.

    Raises:
        ValueError: it is not one.
    """
    given = data.get("clean", []) if isinstance(data, dict) else None
    found = tuple(step for step in CLEANINGS if isinstance(given, list) and step in given)
    if list(found) != given:
        raise ValueError(f"not a way to clean texts: {str(given)[:100]}")
    return found
