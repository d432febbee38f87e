"""From text to syntax trees, by recursive descent.

line        = declaration | ["gate"] NAME "=" sum
declaration = ("matrix" | "vector" | "scalar") item {"," item}
item        = NAME ["=" (["-"] NUMBER | "identity")]
sum         = term {("+" | "-") term}
term        = factor {("*" | "/") factor}
factor      = "-" factor | NUMBER | FUNCTION "(" sum {"," sum} ")" | "(" sum ")" | NAME ["@" factor]
"""

import math
from collections.abc import Callable
from typing import Literal, cast

from gatelab.equations import bounds
from gatelab.equations.functions import ARGUMENTS, KEYWORDS
from gatelab.equations.mistakes import InvalidEquations, Place
from gatelab.equations.syntax import (
    Assignment,
    Binary,
    Call,
    Declaration,
    Expression,
    Line,
    Minus,
    Name,
    Number,
    Operator,
)
from gatelab.equations.syntax import Product as MatrixProduct
from gatelab.equations.tokens import Token, lines_of
from gatelab.spelling import did_you_mean, nearest


def parse(text: str) -> list[Line]:
    """The lines of the equations.

    Raises:
        InvalidEquations: naming the first mistake and its place.
    """
    return [line for tokens in lines_of(text) for line in _Parser(tokens, text).line()]


class _Parser:
    def __init__(self, tokens: list[Token], text: str) -> None:
        self._tokens, self._text, self._at, self._depth = tokens, text, 0, 0

    def line(self) -> list[Line]:
        first = self._peek
        if first.text in ("matrix", "vector", "scalar") and self._tokens[1].text != "=":
            return list(self._declarations())
        gate = first.text == "gate" and self._tokens[1].kind == "name"
        if gate:
            self._take()
        name = self._take()
        if name.kind != "name":
            raise self._mistake(f"an equation begins with a name, not with {name.text}", name.place)
        self._expect("=", f"after {name.text}")
        value = self._sum()
        if self._peek.kind != "end":
            raise self._mistake(self._unexpected(self._peek), self._peek.place)
        return [Assignment(Name(name.text, name.place), value, gate)]

    # -- Declarations -------------------------------------------------------------------------------------------------

    def _declarations(self) -> "list[Declaration]":
        kind = cast(Literal["matrix", "vector", "scalar"], self._take().text)
        found = [self._declaration(kind)]
        while self._peek.text == ",":
            self._take()
            found.append(self._declaration(kind))
        if self._peek.kind != "end":
            raise self._mistake(f"expected a comma or the end of the line, not {self._peek.text}", self._peek.place)
        return found

    def _declaration(self, kind: Literal["matrix", "vector", "scalar"]) -> Declaration:
        name = self._take()
        if name.kind != "name" or name.text.endswith("'"):
            raise self._mistake(f"expected the name of a {kind}", name.place)
        initial: float | Literal["identity"] | None = None
        if self._peek.text == "=":
            self._take()
            initial = self._initial(kind)
        return Declaration(kind, name.text, initial, name.place)

    def _initial(self, kind: str) -> float | Literal["identity"]:
        sign = -1.0 if self._peek.text == "-" else 1.0
        if sign < 0:
            self._take()
        token = self._take()
        if kind == "matrix":
            if token.text != "identity" or sign < 0:
                raise self._mistake("the initial value of a matrix must be identity, or be left out", token.place)
            return "identity"
        if token.kind != "number":
            raise self._mistake(f"the initial value of a {kind} is a number", token.place)
        return sign * self._number(token).value

    # -- Expressions --------------------------------------------------------------------------------------------------

    def _sum(self) -> Expression:
        return self._chain("+-", self._term)

    def _term(self) -> Expression:
        return self._chain("*/", self._factor)

    def _chain(self, operators: str, operand: Callable[[], Expression]) -> Expression:
        """Operands with these operators between them, computed from the left."""
        found = operand()
        while self._peek.kind == "symbol" and self._peek.text in operators:
            operator = self._take()
            found = Binary(cast(Operator, operator.text), found, operand(), operator.place)
        return found

    def _factor(self) -> Expression:
        token = self._take()
        self._depth += 1
        if self._depth > bounds.DEPTH:
            raise self._mistake(f"more than {bounds.DEPTH} expressions are nested in one another", token.place)
        found = self._factor_from(token)
        self._depth -= 1
        return found

    def _factor_from(self, token: Token) -> Expression:
        if token.text == "-":
            return Minus(self._factor(), token.place)
        if token.kind == "number":
            return self._number(token)
        if token.text == "(":
            found = self._sum()
            self._expect(")", "to close the parenthesis")
            return found
        if token.kind == "name":
            return self._from_name(token)
        raise self._mistake(self._unexpected(token), token.place)

    def _from_name(self, token: Token) -> Expression:
        name = Name(token.text, token.place)
        if self._peek.text == "@":
            operator = self._take()
            return MatrixProduct(name, self._factor(), operator.place)
        if self._peek.text == "(":
            return self._call(token)
        if token.text in ARGUMENTS:
            raise self._mistake(f"{token.text} is a function: write {token.text}(...)", token.place)
        return name

    def _call(self, token: Token) -> Call:
        wanted = ARGUMENTS.get(token.text)
        if wanted is None:
            hint = did_you_mean(nearest(token.text, ARGUMENTS)) or f"; the functions are {', '.join(ARGUMENTS)}"
            raise self._mistake(f"there is no function {token.text}{hint}", token.place)
        self._take()
        arguments = [self._sum()]
        while self._peek.text == ",":
            self._take()
            arguments.append(self._sum())
        self._expect(")", f"after the arguments of {token.text}")
        if len(arguments) != wanted:
            plural = "argument" if wanted == 1 else "arguments"
            raise self._mistake(f"{token.text} takes {wanted} {plural}, not {len(arguments)}", token.place)
        return Call(token.text, tuple(arguments), token.place)

    def _number(self, token: Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise self._mistake(f"{token.text} is too large", token.place)
        return Number(value, token.place)

    # -- Tokens -------------------------------------------------------------------------------------------------------

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _expect(self, symbol: str, where: str) -> None:
        token = self._take()
        if token.text != symbol:
            found = f"not {token.text}" if token.text else "but the line ends"
            raise self._mistake(f"expected {symbol} {where}, {found}", token.place)

    def _unexpected(self, token: Token) -> str:
        if token.kind == "end":
            return "the line ends where a value is expected"
        if token.text in KEYWORDS:
            return f"{token.text} begins a declaration and cannot be used here"
        return f"{token.text} cannot be used here"

    def _mistake(self, message: str, place: Place) -> InvalidEquations:
        return InvalidEquations(message, place, self._text)
