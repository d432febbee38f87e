"""The unigram model (Kudo 2018): the likeliest of all ways to cut a word into pieces."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from gatelab.specs.model import Cleaning, UnigramTokenizerSpec
from gatelab.text.tokenizers.bytewise import BYTE
from gatelab.text.tokenizers.learning import learn_scores
from gatelab.text.tokenizers.pieces import PieceTokenizer, check_pieces
from gatelab.text.tokenizers.viterbi import likeliest


@dataclass(frozen=True)
class UnigramTokenizer(PieceTokenizer):
    """
    Attributes:
        longer: the pieces beside the 256 bytes.
        scores: of the bytes and then of `longer`, the log-probability of each.
    """

    kind: ClassVar[str] = "unigram"
    longer: tuple[bytes, ...]
    scores: tuple[float, ...]

    @classmethod
    def train(cls, spec: UnigramTokenizerSpec, text: str) -> "UnigramTokenizer":
        return cls(*learn_scores(text, spec.size), clean=spec.clean)

    @classmethod
    def read(cls, clean: tuple[Cleaning, ...], longer: list[Any], scores: list[Any]) -> "UnigramTokenizer":
        """
        Raises:
            ValueError: these are not pieces and scores.
        """
        pieces = tuple(_bytes(piece) for piece in longer)
        found = cls(pieces, tuple(_score(score) for score in scores), clean=clean)
        check_pieces(len(found.pieces), max(map(len, found.pieces)))
        if len(set(found.pieces)) < len(found.pieces) or len(scores) != len(found.pieces):
            raise ValueError("not a tokenizer: a piece occurs twice, or has no score")
        return found

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        return (*BYTE, *self.longer)

    def _split(self, word: bytes) -> list[int]:
        return likeliest(word, self._scored, self._longest)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.pieces))

    @cached_property
    def _scored(self) -> dict[bytes, tuple[float, int]]:
        return {piece: (score, n) for n, (piece, score) in enumerate(zip(self.pieces, self.scores, strict=True))}

    def _fields(self) -> dict[str, Any]:
        return {"longer": [piece.decode("latin-1") for piece in self.longer], "scores": list(self.scores)}


def _bytes(piece: Any) -> bytes:
    if not isinstance(piece, str) or not piece or max(piece) > "\xff":
        raise ValueError(f"not a tokenizer: {str(piece)[:100]} is not a list of bytes")
    return piece.encode("latin-1")


def _score(score: Any) -> float:
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ValueError(f"not a tokenizer: {str(score)[:100]} is not a score")
    return float(score)
