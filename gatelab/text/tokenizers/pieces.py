"""Tokenizers whose ids stand for some bytes of a word each: with all single bytes among them, nothing is unknown."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gatelab.text.tokenizers.base import SPECIAL_NAMES, SPECIALS, Encoded, Ids, TextDecoder, Tokenizer
from gatelab.text.tokenizers.bytewise import BYTES, Utf8, begins, begun, piece_name
from gatelab.text.tokenizers.splitting import LONGEST, words

MOST_BYTES = 4 * LONGEST
"""The longest piece is the longest word."""


@dataclass(frozen=True)
class PieceTokenizer(Tokenizer):
    """One id for each of `pieces`; the first of these are the single bytes."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of each id from SPECIALS on."""

    @abstractmethod
    def _split(self, word: bytes) -> list[int]:
        """The numbers of the pieces of a word."""

    @property
    def vocabulary(self) -> int:
        return SPECIALS + len(self.pieces)

    @property
    def alphabet(self) -> None:
        return None

    def _encode(self, text: str) -> Encoded:
        known: dict[str, list[int]] = {}
        found: list[Ids] = [np.zeros(0, np.int64)]
        for some in words(text):
            for word in some:
                if word not in known:
                    known[word] = self._split(word.encode())
            found.append(np.array([number for word in some for number in known[word]], dtype=np.int64))
        return Encoded(np.concatenate(found) + SPECIALS, len(text), 0)

    def _places(self, text: str) -> Ids:
        lengths = self._lengths[self._encode(text).ids]
        characters = np.cumsum(begins(text.encode()), dtype=np.int64) - 1
        found: Ids = characters[np.cumsum(lengths) - lengths]
        return found

    def name(self, token: int) -> str:
        return SPECIAL_NAMES[token] if token < SPECIALS else piece_name(self.pieces[token - SPECIALS])

    def characters_in(self, ids: Ids) -> int:
        return int(self._beginnings[ids].sum())

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return Utf8(self.pieces, pending)

    def begun(self, ids: Ids) -> bytes:
        return begun(self, ids)

    @cached_property
    def _lengths(self) -> Ids:
        """(vocabulary,) bytes of each id."""
        return np.array([0] * SPECIALS + [len(piece) for piece in self.pieces], dtype=np.int64)

    @cached_property
    def _beginnings(self) -> Ids:
        """(vocabulary,) the number of characters that begin in each id."""
        return np.array([0] * SPECIALS + [int(begins(piece).sum()) for piece in self.pieces], dtype=np.int64)


def check_pieces(count: int, longest: int) -> None:
    """
    Raises:
        ValueError: the file needs more memory than any trained vocabulary.
    """
    from gatelab.specs.model import MOST_PIECES

    if not BYTES <= count <= MOST_PIECES or longest > MOST_BYTES:
        raise ValueError(f"not a tokenizer: {count} pieces of up to {longest} bytes")
