"""Cleaning of a text before it becomes tokens, and the origin of each character of the result.

The order of the steps is fixed, whatever their order in a spec, and cleaning a clean text changes nothing.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.model import CLEANINGS, Cleaning
from gatelab.text.alphabet import PIECE

Places = NDArray[np.int64]

_CUT = re.compile(r"(?<=\S)[ \t\n\r]")
"""No step looks across such a place: the text before it does not affect the cleaning of the text after it."""


def cleaned(text: str, how: Sequence[Cleaning]) -> str:
    """`text` after the steps of `how`."""
    if not how:
        return text
    # A piece at a time: other threads would have to wait for a whole text.
    return "".join(_piece(piece, how) for piece in _pieces(text))


def origins(text: str, how: Sequence[Cleaning]) -> Places:
    """(characters of `cleaned`,): the character of `text` from which each came, the first of several."""
    origin = np.arange(len(text))
    for step in CLEANINGS:
        if step in how:
            origin = origin[_ORIGINS[step](text)]
            text = _STEPS[step](text)
    return origin


def _piece(text: str, how: Sequence[Cleaning]) -> str:
    for step in CLEANINGS:
        if step in how:
            text = _STEPS[step](text)
    return text


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + PIECE)
        end = len(text) if cut is None else cut.start()
        yield text[start:end]
        start = end


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _whitespace(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", text)


_STEPS: dict[Cleaning, Callable[[str], str]] = {
    "newlines": _newlines,
    "nfc": _nfc,
    "lower": str.lower,
    "whitespace": _whitespace,
}


def _newline_origins(text: str) -> Places:
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    after_cr = np.append(False, points[:-1] == ord("\r"))[: len(points)]
    return np.flatnonzero(~(after_cr & (points == ord("\n"))))


def _nfc_origins(text: str) -> Places:
    found: list[int] = []
    for start, end in _letters(text):
        made = len(_nfc(text[start:end]))
        # Usually one character remains, which came from the first. If more remain, each keeps its distance from it.
        found.extend(min(start + at, end - 1) for at in range(made))
    return np.array(found, dtype=np.int64)


def _lower_origins(text: str) -> Places:
    return np.repeat(np.arange(len(text)), [len(character.lower()) for character in text])


def _whitespace_origins(text: str) -> Places:
    blank = np.array([character.isspace() and character != "\n" for character in text], dtype=bool)
    return np.flatnonzero(~(blank & np.append(False, blank[:-1])[: len(blank)]))


_ORIGINS: dict[Cleaning, Callable[[str], Places]] = {
    "newlines": _newline_origins,
    "nfc": _nfc_origins,
    "lower": _lower_origins,
    "whitespace": _whitespace_origins,
}


def _letters(text: str) -> Iterator[tuple[int, int]]:
    """The beginning and end of each letter of `text` with its marks; NFC never composes across letters."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _composes(text[at]):
            yield start, at
            start = at


def _composes(character: str) -> bool:
    """Whether NFC may compose this character with those before it."""
    return not character.isascii() and (unicodedata.combining(character) != 0 or character in _second_halves())


@cache
def _second_halves() -> frozenset[str]:
    """Characters that Unicode composes with the one before: vowels and endings of Hangul, signs of Indic scripts."""
    found = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)
