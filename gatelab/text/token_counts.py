"""The number of tokens of a run's texts, estimated if counting would take long."""

from dataclasses import dataclass
from functools import lru_cache

from gatelab.specs.job import RunSpec
from gatelab.specs.model import (
    BpeTokenizerSpec,
    ByteTokenizerSpec,
    CharTokenizerSpec,
    LearnedTokenizerSpec,
    UnigramTokenizerSpec,
    WordsTokenizerSpec,
)
from gatelab.text.alphabet import alphabet
from gatelab.text.cleaning import cleaned
from gatelab.text.parts import LEARNED, Lengths, Texts, check_numbered, cut_lengths, cuts, lengths
from gatelab.text.tokenizers import SPECIALS, normalized, train_tokenizer
from gatelab.text.tokenizers.bytewise import BYTES
from gatelab.text.tokenizers.learning import sampled

MOST_LEARNED_FROM: dict[type, int] = {BpeTokenizerSpec: 2**18, WordsTokenizerSpec: 2**18, UnigramTokenizerSpec: 2**15}
"""Characters from which a tokenizer is learned to estimate the number of tokens, which bounds the time."""


@dataclass(frozen=True)
class Extent:
    """
    Attributes:
        tokens: of the training text.
        vocabulary: the number of ids, including the special ones; the largest possible one for a tokenizer that was
            learned from a part of the text.
        alphabet: as the tokenizer's.
        parts: tokens of each part; None if the text is cut by its tokens.
        exact: whether these are the run's numbers, not an estimate.
    """

    tokens: int
    vocabulary: int
    alphabet: str | None = None
    parts: Lengths | None = None
    exact: bool = True

    def lengths(self, spec: RunSpec) -> Lengths:
        """Tokens of each part of a run of `spec`."""
        return self.parts or cut_lengths(spec, self.tokens)


def measure(spec: RunSpec, texts: Texts) -> Extent:
    """The extent of the texts with the tokenizer of `spec`.

    Raises:
        InvalidSpec: no word is frequent enough to be learned, or windows are numbered that cannot be.
    """
    check_numbered(spec)
    if isinstance(spec.tokenizer, LEARNED):
        return _learned(spec, spec.tokenizer, texts)
    characters: set[str] = set()
    total = _count(spec, texts.train.text, characters)
    validation, test = (
        None if corpus is None else _count(spec, corpus.text, characters) for corpus in (texts.validation, texts.test)
    )
    parts = cut_lengths(spec, total, (validation, test)) if texts.held_out else None
    if isinstance(spec.tokenizer, ByteTokenizerSpec):
        return Extent(total, SPECIALS + BYTES, parts=parts)
    return Extent(total, SPECIALS + len(characters), "".join(sorted(characters)), parts)


def _count(spec: RunSpec, text: str, characters: set[str]) -> int:
    """Tokens of a text; its characters are added to those that are known."""
    clean = cleaned(text, spec.tokenizer.clean)
    if isinstance(spec.tokenizer, CharTokenizerSpec):
        clean = normalized(clean, spec.tokenizer.normalize)
        characters.update(letter.character for letter in alphabet(clean))
        return len(clean)
    return len(clean.encode())


def _learned(spec: RunSpec, tokenizer: LearnedTokenizerSpec, texts: Texts) -> Extent:
    """Exact for short texts. For longer ones, a tokenizer learned from a part gives the characters per token."""
    clean = cleaned(texts.train.text, tokenizer.clean)
    own = [None if c is None else cleaned(c.text, tokenizer.clean) for c in (texts.validation, texts.test)]
    pieces = [clean[cut] for cut in cuts(spec, len(clean))]
    most = MOST_LEARNED_FROM[type(tokenizer)]
    exact = len(clean) + sum(len(text) for text in own if text) <= most
    if exact:
        made = train_tokenizer(tokenizer, pieces[0])
        counts = [len(made.encode(piece).ids) for piece in pieces]
        others = [None if text is None else len(made.encode(text).ids) for text in own]
        vocabulary = made.vocabulary
    else:
        per_token = _characters_per_token(tokenizer, sampled(pieces[0], most))
        counts = [int(len(piece) / per_token) for piece in pieces]
        others = [None if text is None else int(len(text) / per_token) for text in own]
        vocabulary = SPECIALS + (tokenizer.most if isinstance(tokenizer, WordsTokenizerSpec) else tokenizer.size)
    parts = lengths(spec, (counts[0], counts[1], counts[2]), (others[0], others[1]))
    return Extent(sum(counts), vocabulary, parts=parts, exact=exact)


@lru_cache(maxsize=32)
def _characters_per_token(tokenizer: LearnedTokenizerSpec, text: str) -> float:
    return len(text) / max(1, len(train_tokenizer(tokenizer, text).encode(text).ids))
