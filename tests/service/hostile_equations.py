# ruff: noqa: RUF001
"""Malicious or meaningless texts that are sent as equations. Each has a mistake."""

from collections.abc import Iterator

from gatelab.equations import bounds
from gatelab.equations.functions import ARGUMENTS

FAR = [50, 500, 5_000, 100_000]
"""Depths or numbers: just beyond the bounds, far beyond, and more than any text may have."""

CPLUSPLUS = (
    "alignas asm auto bool break case catch char class const constexpr continue delete do double else enum explicit "
    "export extern false float for friend goto if inline int long mutable namespace new noexcept nullptr operator "
    "private protected public register return short signed sizeof static struct switch template this throw true try "
    "typedef typename union unsigned using virtual void volatile while"
)

LOOK_ALIKES = "аеорсухһјѕіԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "ａｂｈｘ𝐡𝑥ℎₕᵢⅹ⁄∕∗×⋅·•−–—＋＝（）＠，′’‘ʹ"
"""Letters and signs that look like those of the language."""

INVISIBLE = (
    "\N{ZERO WIDTH SPACE}\N{RIGHT-TO-LEFT OVERRIDE}\N{NO-BREAK SPACE}\N{BYTE ORDER MARK}\N{SOFT HYPHEN}"
    "\x01\x07\x1b\x7f\v\f"
)

CODE = [
    "h' = __import__('os')",
    "h' = W @ x.__class__",
    "h' = W @ x; import os",
    "h' = (lambda: W @ x)()",
    "h' = W @ x if h else h",
    "h' = [W @ x for h in h]",
    "h' = {W @ x}",
    'h\' = "W @ x"',
    "h' = W @ x\n#include <stdlib.h>\nsystem(W @ x)",
    "h' = W @ x */ /* h",
    "h' = W @ x // h",
    "h' = W @ x ** 2",
    "h' = W @ x ^ 2",
    "h' = W @ x \\\n + h",
    "h' = $(W @ x)",
    "h' = `W @ x`",
    "h' = %s % (W @ x)",
    "h' = W @ x << 2",
    "h' = W @ x == h",
    "h' := W @ x",
    "h' += W @ x",
    "h' = W @ x = h",
    "h'' = W @ x",
    "'h = W @ x",
    "h' = eval(W @ x)",
    "h' = exec(W @ x)",
    "h' = system(W @ x)",
    "h' = functions.tanh(W @ x)",
    "h' = W[0] @ x",
    "h' = W @@ x",
    "<script>alert(1)</script>",
    "&lt;h' = W @ x",
]

MEANINGLESS = [
    "",
    "\n\n",
    "# h' = W @ x",
    "h = W @ x",
    "h' = x",
    "h' = W",
    "h' = 1",
    "h' = h",
    "h' = tanh(h)",
    "h' = W @ 1",
    "h' = W @ x + U @ x + W @ h",
    "h' = tanh(W @ x, h)",
    "h' = max(W @ x)",
    "h' = tanh()",
    "h' = tanh W @ x",
    "h' = W @ x - mean()",
    "h' = W @ x - mean(h, h)",
    "h' = W @ x - mean(x)",
    "h' = W @ x - mean(1)",
    "h' = W @ x - mean(mean(h))",
    "h' = mean(W @ x)",
    "h' = W @ x +",
    "h' = * W @ x",
    "h' = (W @ x",
    "h' = W @ x)",
    "= W @ x",
    "h' W @ x",
    "W @ x",
    "h'",
    "h' = W @ x\nh' = W @ x",
    "a = W @ x\nh' = W @ x",
    "h' = W @ x + c'",
    "h' = W @ x + c\nc' = 1",
    "c' = W @ x",
    "tanh = W @ x\nh' = tanh",
    "x' = W @ x\nh' = x",
    "vector W\nh' = W @ x",
    "matrix w\nh' = w @ x",
    "matrix W = 1\nh' = W @ x",
    "matrix W = identity\nh' = W @ x",
    "vector p = identity\nh' = W @ x + p",
    "vector p = - \nh' = W @ x + p",
    "vector p,\nh' = W @ x + p",
    "vector p p\nh' = W @ x + p",
    "vector p\nh' = W @ x",
    "gate h' = W @ x",
    "gate = W @ x",
    "vector h'\nh' = W @ x",
]


def hostile() -> Iterator[str]:
    yield from MEANINGLESS
    yield from CODE
    yield from (f"h' = W @ x + {word} * h" for word in CPLUSPLUS.split())
    yield from (f"h' = W @ x + {letter}" for letter in LOOK_ALIKES)
    yield from (f"h' = W {letter}@ x" for letter in INVISIBLE)
    for n in FAR:
        yield from _deep(n)
        yield from _many(n)
    yield from _numbers()


def _deep(n: int) -> Iterator[str]:
    yield "h' = " + "(" * n + "W @ x" + ")" * n
    yield "h' = " + "(" * n
    yield "h' = " + "-" * n + "W @ x"
    yield "h' = " + "tanh(" * n + "W @ x" + ")" * n
    yield "h' = W @ x + " + "mean(h - " * n + "h" + ")" * n
    yield "\n".join([f"a{i + 1} = a{i} - mean(a{i})" for i in range(n)]) + f"\na0 = W @ x\nh' = a{n}"
    yield "h' = " + "U @ " * n + "h + W @ x"
    yield "\n".join([f"a{i + 1} = U{i} @ tanh(a{i})" for i in range(n)]) + f"\na0 = W @ x\nh' = a{n}"


def _many(n: int) -> Iterator[str]:
    yield "h' = W @ x" + "".join(f" + U{i} @ h" for i in range(n))
    yield "\n".join([*(f"s{i}' = s{i} + W @ x" for i in range(n)), "h' = s0"])
    letters = [f"p{i}" for i in range(n + bounds.PARAMETERS)]
    yield f"vector {', '.join(letters)}\nh' = W @ x + {' + '.join(letters)}"
    yield "\n".join([f"a{i} = a{(i + 1) % n}" for i in range(n)]) + "\nh' = W @ x + a0"
    yield f"h' = W @ x + {'a' * n}"
    yield f"h' = tanh(W @ x{', h' * n})"
    yield "h' = W @ x" + "\N{COMBINING ACUTE ACCENT}" * n


def _numbers() -> Iterator[str]:
    big = [
        "9" * 31,
        "9" * 400,
        "1e999",
        "1e308 * 1e999",
        "0." + "0" * 40,
        "1e",
        "1e+",
        "1.2.3",
        "0x10",
        "1_000",
        "inf",
        "nan",
        "1j",
        "٣",
    ]
    yield from (f"h' = W @ x * {number}" for number in big)
    yield from (f"vector p = {number}\nh' = W @ x * p" for number in ("1e999", "inf", "- -1", "1 2", "h"))


def longest() -> Iterator[str]:
    """The longest allowed texts that the parser must read to the end."""
    yield ("h' = W @ x" + " + h" * bounds.CHARACTERS)[: bounds.CHARACTERS]
    yield "\n" * (bounds.LINES - 1) + "h' = h" + " " * (bounds.CHARACTERS - 500)
    yield "h' = W @ x " + "#" * (bounds.CHARACTERS - 12) + "\n"
    yield "\n".join(f"a{i} = {'+'.join(['h'] * 20)}" for i in range(150))[: bounds.CHARACTERS]
    calls = " + ".join(f"{name}({', '.join(['h'] * count)})" for name, count in ARGUMENTS.items())
    yield "\n".join(f"a{i} = {calls}" for i in range(20))
