"""Texts that need memory (Hochreiter & Schmidhuber 1997): symbols, noise, a question mark, the symbols again.

A line such as `c20312?c` is an example. Only the symbols at its beginning determine those after the question mark, so a
network must keep them through the noise. Every line has the same length: windows of `line_length` tokens hold a line
each, with the end of the line before in front.
"""

import string
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.synthetic import SyntheticSpec

QUESTION = "?"
END = "\n"

Bytes = NDArray[np.uint8]


class _Stream(NamedTuple):
    """The key of a stream of random numbers. A seed has several independent streams."""

    seed: int
    purpose: int

    @property
    def generator(self) -> np.random.Generator:
        """Philox has a key of two words: the seed, and the purpose."""
        return np.random.Generator(np.random.Philox(key=np.array([self.seed, self.purpose], np.uint64)))


_CORPUS, _FRESH = 0, 1
"""Purposes, so that new random lines do not repeat the corpus."""


def line_length(spec: SyntheticSpec) -> int:
    """The number of characters of an example, including the end of the line."""
    return 2 * spec.shown + spec.lag + 2


def alphabet(spec: SyntheticSpec) -> str:
    """Every character of the task."""
    return string.ascii_lowercase[: spec.symbols] + string.digits[: spec.distractors] + QUESTION + END


def corpus_text(spec: SyntheticSpec) -> str:
    """The corpus: the same spec gives the same text, everywhere."""
    return _lines(spec, spec.examples, _CORPUS).tobytes().decode("ascii")


def drawn_anew(spec: SyntheticSpec, count: int) -> list[str]:
    """New lines of the same kind that are not from the corpus, without their ends."""
    return [row.tobytes().decode("ascii").rstrip(END) for row in _lines(spec, count, _FRESH)]


def _lines(spec: SyntheticSpec, count: int, purpose: int) -> Bytes:
    """ASCII codes (count, line_length)."""
    random = _Stream(spec.seed, purpose).generator
    shown = random.integers(ord("a"), ord("a") + spec.symbols, (count, spec.shown), dtype=np.uint8)
    noise = random.integers(ord("0"), ord("0") + spec.distractors, (count, spec.lag), dtype=np.uint8)
    question, end = (np.full((count, 1), ord(mark), np.uint8) for mark in (QUESTION, END))
    return np.concatenate([shown, noise, question, shown, end], axis=1)
