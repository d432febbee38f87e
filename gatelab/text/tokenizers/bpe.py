"""Byte-pair encoding (Gage 1994; Sennrich et al. 2016): a word's bytes, joined pair by pair as often as possible."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

from gatelab.specs.model import BpeTokenizerSpec, Cleaning
from gatelab.text.tokenizers.bytewise import BYTE
from gatelab.text.tokenizers.learning import learn_merges
from gatelab.text.tokenizers.pieces import MOST_BYTES, PieceTokenizer, check_pieces


@dataclass(frozen=True)
class BpeTokenizer(PieceTokenizer):
    """
    Attributes:
        merges: pairs of pieces that are joined, by their numbers, the most frequent first. The joined pieces get the
            numbers after the 256 bytes; a piece that already exists keeps its number.
    """

    kind: ClassVar[str] = "bpe"
    merges: tuple[tuple[int, int], ...]

    @classmethod
    def train(cls, spec: BpeTokenizerSpec, text: str) -> "BpeTokenizer":
        return cls(learn_merges(text, spec.size), clean=spec.clean)

    @classmethod
    def read(cls, clean: tuple[Cleaning, ...], merges: list[Any]) -> "BpeTokenizer":
        """
        Raises:
            ValueError: these are not merges.
        """
        found = cls(tuple(_pair(merge) for merge in merges), clean=clean)
        check_pieces(len(found.pieces), max(map(len, found.pieces)))
        return found

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return self._joined[0]

    def _split(self, word: bytes) -> list[int]:
        pieces, joined, never = list(word), self._joined[1], (len(self.merges), 0)
        while len(pieces) > 1:
            ranks = [joined.get(pair, never) for pair in pairwise(pieces)]
            first = min(ranks)
            if first is never:
                break
            at = ranks.index(first)
            pieces[at : at + 2] = [first[1]]
        return pieces

    @cached_property
    def _joined(self) -> tuple[tuple[bytes, ...], dict[tuple[int, int], tuple[int, int]]]:
        """The pieces; and for each pair the number of its merge, and that of the joined piece."""
        pieces = list(BYTE)
        joined: dict[tuple[int, int], tuple[int, int]] = {}
        numbers = {piece: number for number, piece in enumerate(pieces)}
        for rank, (left, right) in enumerate(self.merges):
            if max(left, right) >= len(pieces) or len(pieces[left]) + len(pieces[right]) > MOST_BYTES:
                raise ValueError(f"not a tokenizer: merge {rank} joins {left} and {right}")
            piece = pieces[left] + pieces[right]
            if piece not in numbers:
                numbers[piece] = len(pieces)
                pieces.append(piece)
            joined.setdefault((left, right), (rank, numbers[piece]))
        return tuple(pieces), joined

    def _fields(self) -> dict[str, Any]:
        return {"merges": [list(merge) for merge in self.merges]}


def _pair(merge: Any) -> tuple[int, int]:
    match merge:
        case [int(left), int(right)] if left >= 0 and right >= 0:
            return int(left), int(right)
    raise ValueError(f"not a tokenizer: {str(merge)[:100]} is not a pair of pieces")
