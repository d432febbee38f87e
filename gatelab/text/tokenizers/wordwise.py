"""One id per word that is frequent in the training text. All others are `<unk>`."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from gatelab.errors import InvalidSpec
from gatelab.specs.model import MOST_PIECES, Cleaning, WordsTokenizerSpec
from gatelab.text.tokenizers.base import SPECIAL_NAMES, SPECIALS, UNKNOWN, Encoded, Ids, TextDecoder, Tokenizer, Whole
from gatelab.text.tokenizers.splitting import LONGEST, words


@dataclass(frozen=True)
class WordsTokenizer(Tokenizer):
    """One id for each of `words`, each with the space before it. Signs and white space are words, too."""

    kind: ClassVar[str] = "words"
    words: tuple[str, ...]

    @classmethod
    def train(cls, spec: WordsTokenizerSpec, text: str) -> "WordsTokenizer":
        """
        Raises:
            InvalidSpec: no word is frequent enough.
        """
        counted: Counter[str] = Counter()
        for some in words(text):
            counted.update(some)
        frequent = sorted((-count, word) for word, count in counted.items() if count >= spec.at_least)
        if not frequent:
            raise InvalidSpec.at(
                "tokenizer.at_least",
                f"no word of the training text occurs {spec.at_least} times; the most frequent occurs"
                f" {max(counted.values(), default=0)} times",
            )
        return cls(tuple(word for _, word in frequent[: spec.most]), clean=spec.clean)

    @classmethod
    def read(cls, clean: tuple[Cleaning, ...], given: list[Any]) -> "WordsTokenizer":
        """
        Raises:
            ValueError: this is not a list of words.
        """
        fit = all(isinstance(word, str) and 0 < len(word) <= LONGEST + 1 for word in given)
        if not fit or not 0 < len(given) <= MOST_PIECES or len(set(given)) < len(given):
            raise ValueError(f"not a tokenizer: {str(given)[:100]} is not a list of words")
        return cls(tuple(given), clean=clean)

    @property
    def vocabulary(self) -> int:
        return SPECIALS + len(self.words)

    @property
    def alphabet(self) -> None:
        return None

    def _encode(self, text: str) -> Encoded:
        found: list[Ids] = [np.zeros(0, np.int64)]
        unknown = 0
        for some in words(text):
            ids = np.array([self._ids.get(word, UNKNOWN) for word in some], dtype=np.int64)
            unknown += sum(len(some[at]) for at in np.flatnonzero(ids == UNKNOWN))
            found.append(ids)
        return Encoded(np.concatenate(found), len(text) - unknown, unknown)

    def _places(self, text: str) -> Ids:
        lengths = np.array([len(word) for some in words(text) for word in some], dtype=np.int64)
        return np.cumsum(lengths) - lengths

    def name(self, token: int) -> str:
        return SPECIAL_NAMES[token] if token < SPECIALS else self.words[token - SPECIALS]

    def characters_in(self, ids: Ids) -> int:
        return int(self._lengths[ids].sum())

    def decoder(self, pending: bytes = b"") -> TextDecoder:
        return Whole(self.words)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: SPECIALS + number for number, word in enumerate(self.words)}

    @cached_property
    def _lengths(self) -> Ids:
        """(vocabulary,) characters of each id."""
        return np.array([0] * SPECIALS + [len(word) for word in self.words], dtype=np.int64)

    def _fields(self) -> dict[str, Any]:
        return {"words": list(self.words)}
