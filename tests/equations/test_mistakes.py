"""Every mistake is reported with its place and with what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gatelab.cells import Cell
from gatelab.equations import InvalidEquations, Representation, bounds, read
from gatelab.equations.functions import ARGUMENTS
from gatelab.equations.reserved import RESERVED
from gatelab.equations.zoo import zoo
from tests.randomized import examples

GRU = """
reset = sigmoid(W_r @ x + U_r @ h + b_r)
update = sigmoid(W_z @ x + U_z @ h + b_z)
candidate = tanh(W_c @ x + U_c @ (reset * h) + b_c)
h' = update * h + (1 - update) * candidate
"""


def mistake(text: str) -> InvalidEquations:
    with pytest.raises(InvalidEquations) as refused:
        read(text)
    return refused.value


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("h' = tahn(W @ x)", 1, 6, "there is no function tahn; did you mean 'tanh'?"),
        ("h' = f(W @ x)", 1, 6, "there is no function f; the functions are sigmoid, tanh, relu"),
        (
            "h' = tanh(W @ x + c)",
            1,
            19,
            "c is not defined; a parameter needs a line `vector c`, a state a line c' = ...",
        ),
        ("g = tanh(W @ x)\nh' = gg * h", 2, 6, "gg is not defined; did you mean 'g'?"),
        ("h' = tanh(W @ x + beta)", 1, 19, "beta is not defined; a parameter needs a line `vector beta`"),
        ("h' = u * h + W @ x\nu = sigmoid(W @ x)", 1, 6, "u is used before the line that defines it"),
        ("h' = tanh(W @ c')\nc' = W @ x", 1, 15, "c' is used before the line that defines it"),
        ("h' = W @ x + c'", 1, 14, "there is no line c' = ..."),
        ("h = tanh(W @ x)", 1, 1, "there is no line h' = ...: h is the output"),
        ("h' = W @ x\nh = 2", 2, 1, "h is a state: its value after the step is h'"),
        ("u = sigmoid(V @ x)\nh' = W @ x", 1, 1, "u is not used: use it in another line, or leave this one out"),
        ("c' = V @ x\nh' = W @ x", 1, 1, "neither c nor c' is used"),
        ("vector p\nh' = W @ x", 1, 8, "p is not used"),
        ("matrix U\nh' = W @ x", 1, 8, "U is not used"),
        ("a = W @ x\na = a + h\nh' = a", 2, 1, "a is already defined in line 1"),
        ("vector a\na = W @ x\nh' = a", 2, 1, "a is already defined in line 1"),
        ("vector a, b, a\nh' = a + b + W @ x", 1, 14, "a is already defined in line 1"),
        ("h' = x", 1, 6, "x has the size of the input: it can only be multiplied by a matrix"),
        ("h' = W @ (x * 2)", 1, 11, "x has the size of the input"),
        ("x = W @ h\nh' = x", 1, 1, "x is a word of the language and cannot be defined"),
        ("tanh = W @ x\nh' = h", 1, 1, "tanh is a word of the language and cannot be defined"),
        ("h' = W @ x + W @ h", 1, 14, "W multiplies both x and a vector of hidden units: use two matrices"),
        ("h' = W * x", 1, 6, "a matrix must multiply something: write W @ ..."),
        ("h' = w @ x", 1, 6, "w is not a matrix: matrices begin with a capital letter"),
        ("h' = W @ 2 + V @ x", 1, 8, "W @ needs a vector, and this is one number for all units"),
        ("h' = 1 + 2", 1, 1, "h' is one number for all units: a state needs a vector"),
        ("h' = tanh + W @ x", 1, 6, "tanh is a function: write tanh(...)"),
        ("h' = max(W @ x)", 1, 6, "max takes 2 arguments, not 1"),
        ("h' = tanh(W @ x, h)", 1, 6, "tanh takes 1 argument, not 2"),
        ("h' = W @ x - mean()", 1, 19, ") cannot be used here"),
        ("h' = W @ x - mean(h, h)", 1, 14, "mean takes 1 argument, not 2"),
        ("h' = W @ x - mean(x)", 1, 19, "x has the size of the input: it can only be multiplied by a matrix"),
        ("h' = W @ x - mean(W)", 1, 19, "a matrix must multiply something: write W @ ..."),
        ("h' = W @ x - mean", 1, 14, "mean is a function: write mean(...)"),
        ("h' = W @ x - mean(2)", 1, 14, "mean needs a vector, and this is one number for all units"),
        ("scalar s\nh' = W @ x - mean(2 * s)", 2, 14, "mean needs a vector, and this is one number for all units"),
        ("h' = W @ x - mean(1 - mean(h))", 1, 14, "mean needs a vector, and this is one number for all units"),
        ("h' = W @ x + U @ mean(h)", 1, 16, "U @ needs a vector, and this is one number for all units"),
        ("h' = mean(W @ x)", 1, 1, "h' is one number for all units: a state needs a vector"),
        ("mean = W @ x\nh' = h", 1, 1, "mean is a word of the language and cannot be defined"),
        ("h' = tanh(W @ x", 1, 16, "expected ) after the arguments of tanh, but the line ends"),
        ("h' = (W @ x", 1, 12, "expected ) to close the parenthesis, but the line ends"),
        ("h' = W @ x)", 1, 11, ") cannot be used here"),
        ("h' = W @ x h", 1, 12, "h cannot be used here"),
        ("h' =", 1, 5, "the line ends where a value is expected"),
        ("h' + h = W @ x", 1, 4, "expected = after h', not +"),
        ("2 = W @ x", 1, 1, "an equation begins with a name, not with 2"),
        ("h' = W @ x + 1e999", 1, 14, "1e999 is too large"),
        ("h' = relu(W @ x)^2", 1, 17, "^ (U+005E, CIRCUMFLEX ACCENT) is not allowed in an equation; write h * h"),
        ("h' = \N{GREEK SMALL LETTER SIGMA}(W @ x)", 1, 6, "(U+03C3, GREEK SMALL LETTER SIGMA)"),
        ("h' = W @ \N{CYRILLIC SMALL LETTER HA}", 1, 10, "(U+0445, CYRILLIC SMALL LETTER HA)"),
        ("h' = W @ \N{FULLWIDTH LATIN SMALL LETTER X}", 1, 10, "; write x"),
        ("h' = W @ x \N{MINUS SIGN} h", 1, 12, "; write -"),
        ("h' = W @ x + \0", 1, 14, "(U+0000, a character without a name)"),
        ("vector P\nh' = W @ x", 1, 8, "a vector begins with a small letter, not P"),
        ("matrix u\nh' = W @ x", 1, 8, "matrices begin with a capital letter, not u"),
        ("matrix U = 2\nh' = U @ h + W @ x", 1, 12, "the initial value of a matrix must be identity, or be left out"),
        ("matrix W = identity\nh' = W @ x", 1, 8, "W is not square, so it cannot start as the identity"),
        ("vector p = h\nh' = p + W @ x", 1, 12, "the initial value of a vector is a number"),
        ("vector p q\nh' = p + W @ x", 1, 10, "expected a comma or the end of the line, not q"),
        ("h' = vector + W @ x", 1, 6, "vector is not defined"),
        ("gate h' = W @ x", 1, 6, "h' is a state and cannot be marked as a gate"),
        ("vector forward\nh' = forward + W @ x", 2, 6, "forward is a reserved name: choose another one"),
    ],
)
def test_a_mistake_names_its_place(text: str, line: int, column: int, message: str) -> None:
    found = mistake(text)
    assert found.place is not None
    assert (found.place.line, found.place.column) == (line, column), found
    assert message in found.message
    [problem] = found.problems
    first, shown, carets = problem.message.split("\n")
    assert first == f"line {line}, column {column}: {found.message}"
    assert shown.removeprefix("    ") == text.split("\n")[line - 1]
    assert carets.index("^") - 4 == column - 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no line h' = ..."),
        ("# nothing\n\n", "there is no line h' = ..."),
        ("h' = tanh(U @ h + b)", "the input x is not used: multiply it by a matrix, as in W @ x"),
        ("#" * 10_001, "has 10001 characters; at most 10000 are allowed"),
        ("\n" * 200 + "h' = W @ x", "has 201 lines; at most 200 are allowed"),
        ("h' = W @ x" + " + h" * 400, "there are more than 400 operations"),
        ("h' = W @ x + " + " + ".join(f"U_{n} @ h" for n in range(33)), "at most 32 are allowed"),
        ("h' = W @ x + " + " + ".join(f"b_{n}" for n in range(64)), "there are more than 64 parameters"),
        (
            "h' = W @ x + " + "U @ " * 7 + "h",
            "7 recurrent products must be computed one after another; at most 6 are allowed",
        ),
        ("\n".join(f"s_{n}' = s_{n} + W @ x" for n in range(8)) + "\nh' = W @ x", "there are 9 states; at most 8"),
        ("h' = W @ x" + "".join(f" + mean({n} * h)" for n in range(17)), "17 means over the units; at most 16"),
        ("h' = " + "(" * 41 + "h" + ")" * 41, "more than 40 expressions are nested in one another"),
        ("h' = " + "-" * 41 + "h", "more than 40 expressions are nested in one another"),
        ("h' = " + "W @ " * 41 + "x", "more than 40 expressions are nested in one another"),
        ("h' = W @ x + " + "a" * 41, "this name has 41 characters; at most 40 are allowed"),
        ("h' = W @ x + 1." + "0" * 40, "this number has 42 characters; at most 30 are allowed"),
    ],
)
def test_bounds_are_named(text: str, message: str) -> None:
    assert message in mistake(text).message


def test_a_long_line_is_shown_around_its_mistake() -> None:
    found = mistake("h' = W @ x" + " + h" * 50 + " + q" + " + h" * 50)
    _, shown, carets = found.problems[0].message.split("\n")
    assert len(shown) <= 4 + 100
    assert shown[carets.index("^")] == "q"


def test_every_attribute_of_a_module_is_a_reserved_name() -> None:
    cell = Cell(read(GRU), 2, 3)
    letters = {parameter.name for parameter in cell.representation.parameters}
    names = {name for name in {*dir(nn.Module), *dir(cell)} if not name.startswith("_")}
    assert names - letters <= RESERVED


@examples(300)
@given(st.text(st.sampled_from("hxcWUb_'=+-*/@(), \n\t0123456789.#e" + "\N{GREEK SMALL LETTER SIGMA}"), max_size=80))
def test_no_text_of_its_characters_does_anything_but_mean_a_cell_or_a_mistake(text: str) -> None:
    _means_something(text)


@examples(300)
@given(st.text(max_size=200))
def test_no_text_does_anything_but_mean_a_cell_or_a_mistake(text: str) -> None:
    _means_something(text)


TOKENS = [*ARGUMENTS, "h", "h'", "c", "c'", "x", "W", "U", "b", "b_1", "vector", "scalar", "matrix", "gate", "identity"]
SYMBOLS = ["=", "+", "-", "*", "/", "@", "(", ")", ",", "\n", "1", "0.5", "h' = ", "W @ x"]


@examples(500)
@given(st.lists(st.sampled_from(TOKENS + SYMBOLS), max_size=40))
def test_no_order_of_its_words_does_anything_but_mean_a_cell_or_a_mistake(words: list[str]) -> None:
    _means_something(" ".join(words))


@examples(300)
@given(st.sampled_from(sorted(zoo())), st.data())
def test_a_published_cell_with_a_change_means_a_cell_or_a_mistake(name: str, data: st.DataObject) -> None:
    text = zoo()[name].equations
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, min(len(text), at + 20)))
    _means_something(text[:at] + data.draw(st.text(max_size=10)) + text[to:])


def _means_something(text: str) -> None:
    try:
        found = read(text)
    except InvalidEquations:
        return
    assert isinstance(found, Representation)
    assert len(found.nodes) <= bounds.NODES


def test_many_words_are_counted_before_they_are_understood() -> None:
    refused = mistake("h' = W @ x" + "+h*h" * 1900)
    assert "there are more than 3000 words and symbols" in str(refused)
