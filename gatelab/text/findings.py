"""The invisible properties of a text, which a model learns as it learns letters."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gatelab.specs.texts import BYTE_ORDER_MARK
from gatelab.text.alphabet import alphabet

_CONTROLS = [chr(code) for code in (*range(1, 0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"]
_UNSEEN = [*_CONTROLS, BYTE_ORDER_MARK]
_PIECE = 2**18
"""Characters that are examined without a pause, while other threads have to wait."""
_OVERLAP = 32
"""More characters than a letter and its marks have."""


@dataclass(frozen=True)
class Findings:
    """
    Attributes:
        byte_order_marks: the number of marks that were dropped at the beginning.
        crlf, cr, lf: the number of lines with each end.
        composed: whether the text is in NFC, in which é is one character.
        controls: the number of times that each control character and further byte-order mark occurs, by code point.
        upper, lower: the number of upper-case and lower-case letters; both 0 if they were not counted.
    """

    byte_order_marks: int = 0
    crlf: int = 0
    cr: int = 0
    lf: int = 0
    composed: bool = True
    controls: Mapping[str, int] = field(default_factory=dict)
    upper: int = 0
    lower: int = 0

    @classmethod
    def of(cls, given: str) -> "Findings":
        """The findings in a new text, as it was given."""
        text = given.lstrip(BYTE_ORDER_MARK)
        crlf, letters = text.count("\r\n"), alphabet(text)
        return cls(
            byte_order_marks=len(given) - len(text),
            crlf=crlf,
            cr=text.count("\r") - crlf,
            lf=text.count("\n") - crlf,
            composed=_is_composed(text),
            controls={f"U+{ord(unseen):04X}": count for unseen in _UNSEEN if (count := text.count(unseen))},
            upper=sum(letter.count for letter in letters if letter.character.isupper()),
            lower=sum(letter.count for letter in letters if letter.character.islower()),
        )

    def sentences(self) -> list[str]:
        """The findings in words."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        if self.byte_order_marks == 1:
            yield "The byte-order mark at the beginning was dropped."
        elif self.byte_order_marks:
            yield f"The {self.byte_order_marks} byte-order marks at the beginning were dropped."
        ends = [f"{count} {name}" for name, count in (("CRLF", self.crlf), ("CR", self.cr), ("LF", self.lf)) if count]
        yield f"Line ends: {', '.join(ends) or 'none'}." + (
            " A model learns CR as a character of its own." if self.crlf or self.cr else ""
        )
        if self.composed:
            yield "The text is in NFC: a letter and its accent are one character."
        else:
            yield "The text is not in NFC: some letters and their accents are two characters each, and learned as two."
        uneven = [name for name, there in (("newlines", self.crlf or self.cr), ("nfc", not self.composed)) if there]
        if uneven:
            yield f"A spec can unify this: tokenizer.clean: [{', '.join(uneven)}]."
        if self.controls:
            counted = ", ".join(f"{count} {name}" for name, count in self.controls.items())
            yield f"Control characters, which a model learns too: {counted}."
        if cased := self.upper + self.lower:
            yield f"Letters: {self.upper} of {cased} are upper case ({self.upper / cased:.1%})."


def _is_composed(text: str) -> bool:
    # A piece of a text in NFC is in NFC. Pieces overlap, so that each letter is in one of them with its marks.
    return text.isascii() or all(
        unicodedata.is_normalized("NFC", text[max(0, start - _OVERLAP) : start + _PIECE])
        for start in range(0, len(text), _PIECE)
    )
