"""One id per character."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.model import CharTokenizerSpec
from gatelab.text.alphabet import PIECE
from gatelab.text.cleaning import cleaned
from gatelab.text.tokenizers.base import SPECIAL_NAMES, SPECIALS, UNKNOWN, Encoded, Ids, TextDecoder, Tokenizer, Whole


@dataclass(frozen=True)
class CharTokenizer(Tokenizer):
    """One id per character; the vocabulary is the sorted set of the characters of all texts of a run."""

    kind: ClassVar[str] = "char"
    characters: str
    normalize: str

    @classmethod
    def train(cls, spec: CharTokenizerSpec, *texts: str) -> "CharTokenizer":
        found = set[str]().union(*(normalized(cleaned(text, spec.clean), spec.normalize) for text in texts))
        return cls("".join(sorted(found)), spec.normalize, clean=spec.clean)

    @property
    def vocabulary(self) -> int:
        return SPECIALS + len(self.characters)

    def _encode(self, text: str) -> Encoded:
        clean = normalized(text, self.normalize)
        ids = self._lookup(clean)
        # Compared before other characters become spaces, since replaced characters are unknown, too.
        original = ids if self.normalize == "none" else self._lookup("".join(text.lower().split()))
        return Encoded(ids, len(clean), int(np.count_nonzero(original == UNKNOWN)))

    @property
    def alphabet(self) -> str:
        return "".join(sorted(self.characters))

    def _places(self, text: str) -> Ids:
        if self.normalize == "none":
            return np.arange(len(text))
        lower = [character.lower() for character in text]  # which may be two characters, as for İ
        origin = np.repeat(np.arange(len(text)), [len(each) for each in lower])
        starts = [found.start() for found in re.finditer("[^a-z]+|[a-z]", "".join(lower))]
        return origin[np.array(starts, dtype=np.int64)]

    def name(self, token: int) -> str:
        return SPECIAL_NAMES[token] if token < SPECIALS else self.characters[token - SPECIALS]

    def characters_in(self, ids: Ids) -> int:
        return len(ids)

    def _lookup(self, text: str) -> Ids:
        """Ids of the characters of `text`, by binary search in the sorted vocabulary."""
        points, (known, ids) = _code_points(text), self._sorted
        if not len(known):
            return np.full(len(points), UNKNOWN, dtype=np.int64)
        at = np.minimum(known.searchsorted(points), len(known) - 1)
        return np.where(known[at] == points, ids[at], UNKNOWN)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint32], Ids]:
        """The code points of the vocabulary in their order, and their ids."""
        characters = _code_points(self.characters)
        # A vocabulary that grew (`gatelab.text.vocabulary_growth`) is sorted in parts.
        order = np.argsort(characters)
        return characters[order], order + SPECIALS

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return _Characters(self.characters)

    def _fields(self) -> dict[str, Any]:
        return {"characters": self.characters, "normalize": self.normalize}


class _Characters(Whole):
    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self._points = _code_points(characters)

    def many(self, ids: Ids) -> str:
        return self._points[ids[ids >= SPECIALS] - SPECIALS].tobytes().decode("utf-32-le")


def normalized(text: str, how: str) -> str:
    """`text` as the vocabulary sees it. `letters`: runs of anything but a-z become one space, lower case."""
    return _letters(text) if how == "letters" else text


def _letters(text: str) -> str:
    """A piece at a time, since other threads would have to wait for a whole text. The result of `lower` for a capital
    sigma depends on its neighbours, but it does not count as a letter here."""
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
