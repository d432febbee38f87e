"""Corpus text -> token ids and back. A tokenizer is small data: it travels inside every checkpoint."""

import codecs
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.model import ByteTokenizerSpec, CharTokenizerSpec, TokenizerSpec
from gatelab.text.alphabet import PIECE, alphabet

Ids = NDArray[np.int64]

UNKNOWN = 0
"""The id of `<unk>`: anything that is not in the vocabulary."""
BEGIN = 1
"""The id of `<bos>`: stands before the first token of a text. Never predicted."""
SPECIALS = 2
"""Ids below this are not text and are never generated."""
SPECIAL_NAMES = ("<unk>", "<bos>")
"""How they are shown."""


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

    @property
    @abstractmethod
    def alphabet(self) -> str | None:
        """The characters of the vocabulary, sorted; None where it can stand for every one."""

    @abstractmethod
    def encode(self, text: str) -> Encoded:
        """Ids of `text`. What is not in the vocabulary becomes `<unk>`."""

    @abstractmethod
    def places(self, text: str) -> Ids:
        """Where in `text` as it is given that begins which each id of `encode(text)` stands for."""

    @abstractmethod
    def name(self, token: int) -> str:
        """How an id is shown by itself; different ids have different names.

        A byte that is not a character by itself is shown as OpenAI shows it.
        """

    @abstractmethod
    def characters_in(self, ids: Ids) -> int:
        """How many characters of text `ids` stand for."""

    @abstractmethod
    def decoder(self, pending: bytes = b"") -> "TextDecoder":
        """What makes text of ids that come one after the other.

        Args:
            pending: where an earlier decoder stopped.
        """

    def begun(self, ids: Ids) -> bytes:
        """What is pending in a decoder that has read `ids` (tokens,)."""
        return b""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything `from_json` needs to make this tokenizer again."""

    def decode(self, ids: Ids | list[int]) -> str:
        """The text of `ids`; special ids are left out."""
        decode = self.decoder()
        return "".join(decode(int(i)) for i in ids)


class TextDecoder(ABC):
    """Makes text of ids that come one after the other."""

    @property
    @abstractmethod
    def pending(self) -> bytes:
        """The bytes of a character that is not complete: with them another decoder goes on."""

    @abstractmethod
    def __call__(self, token: int) -> str:
        """The text that the next id completes: empty for special ids, and inside a character of many bytes."""

    def many(self, ids: Ids) -> str:
        """The text that the next ids (tokens,) complete together: the same, joined."""
        return "".join(map(self, ids.tolist()))

    def place(self, token: int, at: int) -> tuple[int, str]:
        """The next id's text, and where what it stands for begins, if the text before it ends at character `at`."""
        text = self(token)
        # Were the text to end here, its last character would be this id's. Those before are of earlier bytes.
        shown = len(text) + len(self.pending.decode(errors="replace"))
        return at + max(0, shown - 1), text


class _Characters(TextDecoder):
    def __init__(self, characters: str) -> None:
        self._characters = characters
        self._points = _code_points(characters)

    @property
    def pending(self) -> bytes:
        return b""

    def __call__(self, token: int) -> str:
        return self._characters[token - SPECIALS] if token >= SPECIALS else ""

    def many(self, ids: Ids) -> str:
        return self._points[ids[ids >= SPECIALS] - SPECIALS].tobytes().decode("utf-32-le")


class _Utf8(TextDecoder):
    def __init__(self, pending: bytes) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._utf8.setstate((pending, 0))

    @property
    def pending(self) -> bytes:
        return bytes(self._utf8.getstate()[0])

    def __call__(self, token: int) -> str:
        return self._utf8.decode(bytes([token - SPECIALS])) if token >= SPECIALS else ""

    def many(self, ids: Ids) -> str:
        return self._utf8.decode((ids[ids >= SPECIALS] - SPECIALS).astype(np.uint8).tobytes())


@dataclass(frozen=True)
class CharTokenizer(Tokenizer):
    """One id a character; the vocabulary is the sorted set of the corpus's characters, and behind it what it grew by
    (`gatelab.text.growing`)."""

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

    @property
    def alphabet(self) -> str:
        return "".join(sorted(self.characters))

    def places(self, text: str) -> Ids:
        if self.normalize == "none":
            return np.arange(len(text))
        lower = [character.lower() for character in text]  # which may be two: İ
        origin = np.repeat(np.arange(len(text)), [len(each) for each in lower])
        starts = [found.start() for found in re.finditer("[^a-z]+|[a-z]", "".join(lower))]
        return origin[np.array(starts, dtype=np.int64)]

    def name(self, token: int) -> str:
        return SPECIAL_NAMES[token] if token < SPECIALS else self.characters[token - SPECIALS]

    def characters_in(self, ids: Ids) -> int:
        return len(ids)

    def _lookup(self, text: str) -> Ids:
        """Ids of the characters of `text`, by binary search in the sorted vocabulary."""
        points, characters = _code_points(text), _code_points(self.characters)
        if not len(characters):
            return np.full(len(points), UNKNOWN, dtype=np.int64)
        # A grown vocabulary is sorted in parts.
        order = np.argsort(characters)
        known = characters[order]
        at = np.minimum(np.searchsorted(known, points), len(known) - 1)
        return np.where(known[at] == points, order[at] + SPECIALS, UNKNOWN)

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return _Characters(self.characters)

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

    @property
    def alphabet(self) -> None:
        return None

    def places(self, text: str) -> Ids:
        # Every byte but the first of a character is of the form 10xxxxxx.
        begins = (np.frombuffer(text.encode(), dtype=np.uint8) & 0b1100_0000) != 0b1000_0000
        return np.cumsum(begins, dtype=np.int64) - 1

    def name(self, token: int) -> str:
        if token < SPECIALS:
            return SPECIAL_NAMES[token]
        byte = token - SPECIALS
        return chr(byte) if byte < 128 else f"bytes:\\x{byte:02x}"

    def characters_in(self, ids: Ids) -> int:
        # Every character has one byte that is not of the form 10xxxxxx.
        return int((((ids - SPECIALS) & 0b1100_0000) != 0b1000_0000).sum())

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return _Utf8(pending)

    def begun(self, ids: Ids) -> bytes:
        # An incomplete character has three bytes at most, and its first byte begins one whatever is before.
        decode = self.decoder()
        for token in ids[ids >= SPECIALS][-3:].tolist():
            decode(token)
        return decode.pending

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
    """How many ids a corpus becomes, and of how many kinds (the special ones included).

    Attributes:
        alphabet: as the tokenizer's.
    """

    tokens: int
    vocabulary: int
    alphabet: str | None = None


def measure(spec: TokenizerSpec, text: str) -> Extent:
    """What the tokenizer of `spec` makes of the corpus that it is trained on, without making it."""
    match spec:
        case CharTokenizerSpec(normalize=normalize):
            clean = normalized(text, normalize)
            characters = "".join(sorted(letter.character for letter in alphabet(clean)))
            return Extent(len(clean), SPECIALS + len(characters), characters)
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
    return _letters(text) if how == "letters" else text


def _letters(text: str) -> str:
    """A piece at a time: other threads would have to wait for a whole text. What `lower` makes of a capital sigma
    depends on what is around it, but it is not a letter here."""
    pieces: list[str] = []
    for at in range(0, len(text), PIECE):
        piece = re.sub("[^a-z]+", " ", text[at : at + PIECE].lower())
        if pieces and pieces[-1].endswith(" "):
            piece = piece.removeprefix(" ")
        if piece:
            pieces.append(piece)
    return "".join(pieces)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
