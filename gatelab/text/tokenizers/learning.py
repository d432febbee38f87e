"""Learning with Hugging Face's tokenizers, which are imported only here, and only for learning.

They get every byte as a character of its own (of Latin-1), so that the learned pieces can represent any text.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gatelab.text.tokenizers.bytewise import BYTE
from gatelab.text.tokenizers.splitting import words
from gatelab.text.tokenizers.viterbi import likeliest

if TYPE_CHECKING:
    from tokenizers.models import Model
    from tokenizers.trainers import Trainer

MOST_FOR_MERGES = 2**22
MOST_FOR_SCORES = 2**18
"""The most characters to learn from, which bounds the time; longer texts are sampled at even distances."""

_PIECES = 64
_LONGEST_PIECE = 16
"""The most bytes of a piece with a score."""
_ROUNDS = 3
_BETWEEN = "\0"
"""A separator of words, which no corpus contains."""
_LATIN = [byte.decode("latin-1") for byte in BYTE]

Scored = dict[bytes, tuple[float, int]]


def sampled(text: str, most: int) -> str:
    """The text, or pieces of it at even distances with `most` characters together."""
    if len(text) <= most:
        return text
    length = most // _PIECES
    last = len(text) - length
    return "".join(text[at : at + length] for at in (last * number // (_PIECES - 1) for number in range(_PIECES)))


def learn_merges(text: str, size: int) -> tuple[tuple[int, int], ...]:
    """The pairs of pieces that byte-pair encoding joins, until there are `size` pieces or no pair occurs twice."""
    from tokenizers import models, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, initial_alphabet=_LATIN, special_tokens=[], show_progress=False
    )
    learned = _learn(models.BPE(), trainer, sampled(text, MOST_FOR_MERGES))
    numbers = {letter: number for number, letter in enumerate(_LATIN)}
    merges = []
    for left, right in learned["merges"]:
        merges.append((numbers[left], numbers[right]))
        numbers.setdefault(left + right, len(numbers))
    return tuple(merges)


def learn_scores(text: str, size: int) -> tuple[tuple[bytes, ...], tuple[float, ...]]:
    """Up to `size` pieces, including the 256 bytes: the longer pieces, and the scores of all.

    Hugging Face's order of pieces and its scores of rare bytes differ from run to run. The set of pieces does not, so
    the scores are computed from it.
    """
    from tokenizers import models, trainers

    text = sampled(text, MOST_FOR_SCORES)
    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        initial_alphabet=_LATIN,
        special_tokens=[],
        max_piece_length=_LONGEST_PIECE,
        show_progress=False,
    )
    learned = _learn(models.Unigram(), trainer, text)
    longer = sorted(piece.encode("latin-1") for piece, _ in learned["vocab"] if len(piece) > 1)
    scores = _scores([*BYTE, *longer], _counted(text))
    order = sorted(range(len(longer)), key=lambda number: (-scores[len(BYTE) + number], longer[number]))
    return (
        tuple(longer[number] for number in order),
        (*scores[: len(BYTE)], *(scores[len(BYTE) + number] for number in order)),
    )


def _learn(model: "Model", trainer: "Trainer", text: str) -> dict[str, Any]:
    """The model that is learned from the words of `text`, as JSON of Hugging Face."""
    # The order in which threads finish must not matter, and a forked worker must not wait for threads it lacks.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import CharDelimiterSplit

    tokenizer: Tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = CharDelimiterSplit(_BETWEEN)
    tokenizer.train_from_iterator(_latin(text), trainer)
    learned: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return learned


def _latin(text: str) -> Iterator[str]:
    for some in words(text):
        yield _BETWEEN.join(some).encode().decode("latin-1")


def _counted(text: str) -> Counter[bytes]:
    counted: Counter[str] = Counter()
    for some in words(text):
        counted.update(some)
    return Counter({word.encode(): count for word, count in sorted(counted.items())})


def _scores(pieces: list[bytes], counted: Mapping[bytes, int]) -> list[float]:
    """Log-probabilities for the likeliest ways to cut the words: in the first round by the number of times that each
    piece occurs in them, then by the number of times that it was chosen with the scores of the previous round."""
    counts = _occurring(set(pieces), counted)
    for _ in range(_ROUNDS):
        total = sum(counts.values()) + len(pieces)
        scored = {piece: (math.log((counts[piece] + 1) / total), n) for n, piece in enumerate(pieces)}
        counts = Counter()
        for word, count in counted.items():
            for number in likeliest(word, scored, _LONGEST_PIECE):
                counts[pieces[number]] += count
    total = sum(counts.values()) + len(pieces)
    return [math.log((counts[piece] + 1) / total) for piece in pieces]


def _occurring(pieces: set[bytes], counted: Mapping[bytes, int]) -> Counter[bytes]:
    counts: Counter[bytes] = Counter()
    for word, count in counted.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + _LONGEST_PIECE) + 1):
                if (piece := word[start:end]) in pieces:
                    counts[piece] += count
    return counts
