"""The best way through a word (Viterbi 1967)."""

import math
from collections.abc import Mapping


def likeliest(word: bytes, scored: Mapping[bytes, tuple[float, int]], longest: int) -> list[int]:
    """The numbers of the pieces whose scores have the greatest sum; of equals, those with the longest piece last.

    Args:
        scored: piece -> score and number. Every single byte is one.
        longest: bytes of the longest piece.
    """
    best, came = [0.0] + [-math.inf] * len(word), [(0, 0)] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - longest), end):
            if (found := scored.get(word[start:end])) and best[start] + found[0] > best[end]:
                best[end], came[end] = best[start] + found[0], (start, found[1])
    numbers, end = [], len(word)
    while end:
        end, number = came[end]
        numbers.append(number)
    return numbers[::-1]
