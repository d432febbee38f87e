"""Places at which a text may be cut before it is searched for words or their parts: no token crosses them."""

import re
from collections.abc import Iterator

from gatelab.text.alphabet import PIECE

LONGEST = 32
"""The most characters of a word. Longer ones are cut, so that the cost does not grow with the square of a length."""

PATTERN = (
    rf" ?[^\W\d_]{{1,{LONGEST}}}| ?\d{{1,{LONGEST}}}| ?(?:[^\w\s]|_){{1,{LONGEST}}}"
    rf"|\s{{1,{LONGEST}}}(?!\S)|\s{{1,{LONGEST}}}"
)
"""Letters, digits, or other signs, each with the space before them; or white space. After GPT-2 (Radford et al. 2019),
without its rule for English contractions. Together, the matches are the text."""

_WORDS = re.compile(PATTERN)
_CUT = re.compile(r"(?<=\S)[^\S]")


def words(text: str) -> Iterator[list[str]]:
    """The words of `text` in order, a few ten thousand at a time."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + PIECE)
        end = len(text) if cut is None else cut.start()
        yield _WORDS.findall(text[start:end])
        start = end
