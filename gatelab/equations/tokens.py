"""From the text of the equations to tokens."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from gatelab.equations import bounds
from gatelab.equations.mistakes import InvalidEquations, Place

Kind = Literal["name", "number", "symbol", "end"]

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*'?)|(?P<symbol>[-+*/@(),=])",
    re.ASCII,  # digits of other scripts do not count
)


@dataclass(frozen=True)
class Token:
    """One word of a line. A primed name has its prime."""

    kind: Kind
    text: str
    place: Place


def lines_of(text: str) -> list[list[Token]]:
    """The tokens of each line that has any, with a token of kind `end` at its end. A # begins a comment.

    Raises:
        InvalidEquations: the text is too long, or has a character that no equation has.
    """
    if len(text) > bounds.CHARACTERS:
        raise InvalidEquations(f"has {len(text)} characters; at most {bounds.CHARACTERS} are allowed")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > bounds.LINES:
        raise InvalidEquations(f"has {len(lines)} lines; at most {bounds.LINES} are allowed")
    found: list[list[Token]] = []
    words = 0
    for number, line in enumerate(lines, start=1):
        tokens = _tokens(line, number, text, bounds.WORDS - words)
        words += len(tokens) - 1
        if len(tokens) > 1:
            found.append(tokens)
    return found


def _tokens(line: str, number: int, text: str, most: int) -> list[Token]:
    code = line.partition("#")[0].rstrip()
    tokens: list[Token] = []
    at = 0
    while at < len(code):
        if code[at] in " \t":
            at += 1
            continue
        match = _TOKEN.match(code, at)
        if match is None:
            raise InvalidEquations(_strange(code[at]), Place(number, at + 1), text)
        token = Token(match.lastgroup, match[0], Place(number, at + 1, len(match[0])))  # type: ignore[arg-type]
        _check_length(token, text)
        if len(tokens) == most:
            raise InvalidEquations(f"there are more than {bounds.WORDS} words and symbols", token.place, text)
        tokens.append(token)
        at = match.end()
    return [*tokens, Token("end", "", Place(number, len(code) + 1))]


def _check_length(token: Token, text: str) -> None:
    most = {"name": bounds.NAME_LENGTH, "number": bounds.NUMBER_LENGTH}.get(token.kind, len(token.text))
    if len(token.text) > most:
        message = f"this {token.kind} has {len(token.text)} characters; at most {most} are allowed"
        raise InvalidEquations(message, token.place, text)


def _strange(character: str) -> str:
    """The message about a character that no equation has."""
    name = unicodedata.name(character, "a character without a name")
    shown = character if character.isprintable() else "this character"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    hint = _HINTS.get(character) or (f"; write {plain}" if plain and not character.isascii() else "")
    return f"{shown} (U+{ord(character):04X}, {name}) is not allowed in an equation{hint}"


_HINTS = {
    "^": "; write h * h for a square, sqrt(h) for a root",
    "[": "; write ( and )",
    "{": "; write ( and )",
    ";": "; write each equation on a line of its own",
    "\N{MULTIPLICATION SIGN}": "; write *",
    "\N{CIRCLED DOT OPERATOR}": "; write *",
    "\N{MIDDLE DOT}": "; write *",
    "\N{MINUS SIGN}": "; write -",
    "\N{EN DASH}": "; write -",
    "\N{PRIME}": "; write '",
    "\N{RIGHT SINGLE QUOTATION MARK}": "; write '",
    "\N{GREEK SMALL LETTER SIGMA}": "; write sigmoid",
}
