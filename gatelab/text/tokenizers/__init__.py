"""Corpus text -> token ids and back."""

from typing import Any

from gatelab.specs.model import (
    BpeTokenizerSpec,
    ByteTokenizerSpec,
    CharTokenizerSpec,
    TokenizerSpec,
    UnigramTokenizerSpec,
    WordsTokenizerSpec,
)
from gatelab.text.cleaning import cleaned
from gatelab.text.tokenizers.base import (
    BEGIN,
    SPECIAL_NAMES,
    SPECIALS,
    UNKNOWN,
    Encoded,
    Ids,
    TextDecoder,
    Tokenizer,
    read_clean,
)
from gatelab.text.tokenizers.bpe import BpeTokenizer
from gatelab.text.tokenizers.bytewise import ByteTokenizer
from gatelab.text.tokenizers.characters import CharTokenizer, normalized
from gatelab.text.tokenizers.unigram import UnigramTokenizer
from gatelab.text.tokenizers.wordwise import WordsTokenizer

__all__ = [
    "BEGIN",
    "SPECIALS",
    "SPECIAL_NAMES",
    "UNKNOWN",
    "BpeTokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Encoded",
    "Ids",
    "TextDecoder",
    "Tokenizer",
    "UnigramTokenizer",
    "WordsTokenizer",
    "from_json",
    "normalized",
    "train_tokenizer",
]


def train_tokenizer(spec: TokenizerSpec, text: str, *held_out: str) -> Tokenizer:
    """The tokenizer that `spec` asks for. Texts may be given as they are, or clean.

    Args:
        text: the training text. Words and parts of words are learned from it alone.
        held_out: the other texts of the run, whose characters are part of an alphabet.

    Raises:
        InvalidSpec: the text has no word that is frequent enough.
    """
    match spec:
        case CharTokenizerSpec():
            return CharTokenizer.train(spec, text, *held_out)
        case ByteTokenizerSpec():
            return ByteTokenizer(clean=spec.clean)
        case BpeTokenizerSpec():
            return BpeTokenizer.train(spec, cleaned(text, spec.clean))
        case UnigramTokenizerSpec():
            return UnigramTokenizer.train(spec, cleaned(text, spec.clean))
        case WordsTokenizerSpec():
            return WordsTokenizer.train(spec, cleaned(text, spec.clean))


def from_json(data: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` wrote.

    Raises:
        ValueError: `data` is not a tokenizer.
    """
    clean = read_clean(data)  # which raises an error if `data` is not an object
    match data:
        case {"kind": "char", "characters": str(characters), "normalize": str(normalize)}:
            return CharTokenizer(characters, normalize, clean=clean)
        case {"kind": "byte"}:
            return ByteTokenizer(clean=clean)
        case {"kind": "bpe", "merges": list(merges)}:
            return BpeTokenizer.read(clean, merges)
        case {"kind": "unigram", "longer": list(longer), "scores": list(scores)}:
            return UnigramTokenizer.read(clean, longer, scores)
        case {"kind": "words", "words": list(words)}:
            return WordsTokenizer.read(clean, words)
    raise ValueError(f"not a tokenizer: {str(data)[:100]}")
