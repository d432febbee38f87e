"""Which characters a text is made of, and how often each occurs."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Letter:
    """One character, and how often it occurs."""

    character: str
    count: int


def alphabet(text: str) -> list[Letter]:
    """The characters of `text`, the most frequent first, and in the order of Unicode where two are equally frequent."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    counts = np.bincount(points) if len(points) else np.zeros(0, np.int64)
    present = np.flatnonzero(counts)
    order = present[np.argsort(-counts[present], kind="stable")]
    return [Letter(chr(point), int(counts[point])) for point in order.tolist()]
