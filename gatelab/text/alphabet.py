"""The characters of a text, and how often each occurs."""

import sys
from dataclasses import dataclass

import numpy as np

PIECE = 2**18
"""Characters that are counted without a pause, while other threads have to wait."""


@dataclass(frozen=True)
class Letter:
    """One character, and how often it occurs."""

    character: str
    count: int


def alphabet(text: str) -> list[Letter]:
    """The characters of `text`, the most frequent first, and in the order of Unicode where two are equally frequent."""
    counts = np.zeros(sys.maxunicode + 1, np.int64)
    for at in range(0, len(text), PIECE):
        found = np.bincount(np.frombuffer(text[at : at + PIECE].encode("utf-32-le"), dtype=np.uint32))
        counts[: len(found)] += found
    present = np.flatnonzero(counts)
    order = present[np.argsort(-counts[present], kind="stable")]
    return [Letter(chr(point), int(counts[point])) for point in order.tolist()]
