"""The equations as mathematics: LaTeX, and MathML that browsers draw by themselves.

Vectors are columns here, as in papers, and states carry the step: h is h_{t-1}, h' is h_t, x is x_t.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from unicodedata import lookup

from gatelab.equations.parser import parse
from gatelab.equations.syntax import Assignment, Binary, Call, Expression, Minus, Name, Number, Product

GREEK = {
    name: lookup(f"GREEK SMALL LETTER {name.replace('lambda', 'lamda')}")
    for name in (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    )
}
MINUS, TIMES = lookup("MINUS SIGN"), lookup("CIRCLED DOT OPERATOR")

FUNCTIONS = frozenset({"tanh", "exp", "log", "max", "min", "sin", "cos"})
"""Those that LaTeX has commands for."""

OPEN, CLOSE = '<mo stretchy="false">(</mo>', '<mo stretchy="false">)</mo>'
NAMESPACE = "http://www.w3.org/1998/Math/MathML"

Level = Literal[0, 1, 2]
"""How tightly an expression binds: a sum, a product, or something that needs no parentheses."""


@dataclass(frozen=True)
class Formula:
    """One form of an expression, in both notations."""

    latex: str
    mathml: str
    level: Level = 2


def typeset(text: str) -> list[Formula]:
    """Each equation of the text, in its order.

    Raises:
        InvalidEquations: as `parse`.
    """
    lines = [line for line in parse(text) if isinstance(line, Assignment)]
    states = {line.name.text[:-1] for line in lines if line.name.text.endswith("'")}
    writer = _Writer(states)
    return [_joined([writer.name(line.name.text), _symbol("=", "="), writer.write(line.value)], 0) for line in lines]


def mathml(formulas: Sequence[Formula]) -> str:
    """A table with a row for each equation."""
    rows = "".join(f"<mtr><mtd>{formula.mathml}</mtd></mtr>" for formula in formulas)
    return f'<math xmlns="{NAMESPACE}" display="block"><mtable columnalign="left">{rows}</mtable></math>'


class _Writer:
    def __init__(self, states: set[str]) -> None:
        self._states = states

    def write(self, expression: Expression) -> Formula:
        match expression:
            case Number(value):
                shown = _digits(value)
                return Formula(shown, f"<mn>{shown}</mn>")
            case Name(text):
                return self.name(text)
            case Minus(Number(value)):
                shown = _digits(value)
                return Formula(f"-{shown}", f"<mrow><mo>{MINUS}</mo><mn>{shown}</mn></mrow>")
            case Minus(operand):
                return _joined([_symbol("-", MINUS), self._within(operand, 1)], 0)
            case Product(matrix, operand):
                return _joined([self.name(matrix.text), self._within(operand, 2)], 1)
            case Call(function, arguments):
                return self._call(function, [self.write(argument) for argument in arguments])
            case Binary():
                return self._binary(expression)

    def _binary(self, expression: Binary) -> Formula:
        """A sum of many terms is deep on its left: it is walked without recursion."""
        spine: list[Binary] = []
        left: Expression = expression
        while isinstance(left, Binary):
            spine.append(left)
            left = left.left
        found = self.write(left)
        for each in reversed(spine):
            found = self._two(each, found)
        return found

    def _two(self, expression: Binary, left: Formula) -> Formula:
        match expression.operator:
            case "/":
                right = self.write(expression.right)
                fraction = f"<mfrac>{left.mathml}{right.mathml}</mfrac>"
                return Formula(f"\\frac{{{left.latex}}}{{{right.latex}}}", fraction)
            case "*":
                plain = _is_number(expression.left) or _is_number(expression.right)
                times = Formula("\\,", "") if plain else _symbol("\\odot", TIMES)
                return _joined([_parenthesised(left, 1), times, self._within(expression.right, 2)], 1)
            case "-":
                return _joined([left, _symbol("-", MINUS), self._within(expression.right, 1)], 0)
        return _joined([left, _symbol("+", "+"), self._within(expression.right, 0)], 0)

    def _within(self, expression: Expression, level: Level) -> Formula:
        return _parenthesised(self.write(expression), level)

    def _call(self, function: str, arguments: list[Formula]) -> Formula:
        if function == "sqrt":
            return Formula(f"\\sqrt{{{arguments[0].latex}}}", f"<msqrt>{arguments[0].mathml}</msqrt>")
        if function == "abs":
            return Formula(f"\\lvert {arguments[0].latex} \\rvert", f"<mo>|</mo>{arguments[0].mathml}<mo>|</mo>")
        shown = _function(function)
        latex = ", ".join(argument.latex for argument in arguments)
        inner = "<mo>,</mo>".join(f"<mrow>{argument.mathml}</mrow>" for argument in arguments)
        return Formula(f"{shown.latex}({latex})", f"{shown.mathml}{OPEN}{inner}{CLOSE}")

    def name(self, text: str) -> Formula:
        """A name with its index and, for a state or the input, the step."""
        bare = text.removesuffix("'")
        base, _, index = bare.partition("_")
        letter = _word(base)
        indices = [_word(index)] if index else []
        if bare == "x":
            indices.append(_word("t"))
        elif bare in self._states:
            indices.append(
                _word("t") if text.endswith("'") else Formula("t-1", f"<mi>t</mi><mo>{MINUS}</mo><mn>1</mn>")
            )
        if not indices:
            return letter
        latex = ",".join(each.latex for each in indices)
        below = "<mo>,</mo>".join(each.mathml for each in indices)
        return Formula(f"{letter.latex}_{{{latex}}}", f"<msub>{letter.mathml}<mrow>{below}</mrow></msub>")


def _digits(value: float) -> str:
    """Without an exponent where the number is not too small or large for that: 0.00001, not 1e-05."""
    shown = f"{value:.12g}"
    return f"{Decimal(shown):f}" if "e-0" in shown else shown


def _word(text: str) -> Formula:
    """A letter as it is, a Greek one by its sign, a longer word upright. An underscore stays one."""
    if text in GREEK:
        return Formula(f"\\{text}", f"<mi>{GREEK[text]}</mi>")
    if len(text) == 1 or text.isdigit():
        return Formula(text, f"<mi>{text}</mi>")
    escaped = text.replace("_", "\\_")
    return Formula(f"\\mathrm{{{escaped}}}", f"<mi>{text}</mi>")


def _function(name: str) -> Formula:
    if name == "sigmoid":
        return _word("sigma")
    return Formula(f"\\{name}", f"<mi>{name}</mi>") if name in FUNCTIONS else _word(name)


def _symbol(latex: str, sign: str) -> Formula:
    return Formula(latex, f"<mo>{sign}</mo>")


def _is_number(expression: Expression) -> bool:
    return isinstance(expression, Number) or (isinstance(expression, Minus) and isinstance(expression.operand, Number))


def _joined(parts: Sequence[Formula], level: Level) -> Formula:
    latex = " ".join(part.latex for part in parts)
    return Formula(latex, f"<mrow>{''.join(part.mathml for part in parts)}</mrow>", level)


def _parenthesised(formula: Formula, level: Level) -> Formula:
    if formula.level >= level:
        return formula
    return Formula(f"({formula.latex})", f"<mrow>{OPEN}{formula.mathml}{CLOSE}</mrow>")
