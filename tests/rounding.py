"""How far apart two computations of the same numbers may be. It is said here, once, and not test by test.

A sum of n terms in arithmetic with the unit roundoff u, in whatever order they are added up, lies within
n u / (1 - n u) times the sum of the terms' sizes of the exact sum, and so does an inner product (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd edition, sections 3.1 and 4.2). The bound of these tests is

    SAFETY * n * u * scale

n is how many terms are added up, one after the other, on the longest path from what is given to a number: for a
network, steps * layers * (hidden + inputs). Where it forgets, the steps that it remembers are enough. scale is the
largest size of what is added up. The largest number that is expected stands for it where nothing better is known: a
small result may be large terms that cancel out, and has their rounding.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gatelab.cells import Cell
from gatelab.model import LanguageModel

SAFETY = 4
"""Both computations round, and what one step rounds, the weights of the next may make larger; functions such as tanh
add a roundoff or two of their own. Against all that stands that roundings have both signs: errors grow like the root
of n."""

ROUNDOFF = {torch.float64: 2.0**-53, torch.float32: 2.0**-24}
"""The unit roundoff of each precision."""

YARDSTICK = 16
"""How many times as far from the truth as PyTorch in single precision an engine may be. The error of each is a sum of
many roundings in its own order, and either may be lucky."""

FLOOR = 160 * ROUNDOFF[torch.float32]
"""How far from the truth an engine may be where PyTorch is as near as can be: relative, in single precision. That is
the rounding of 40 terms, which a step of a small network has."""

FLIPS = 3 / 8 * 2.0**-8
"""How far a few numbers that are rounded to the other neighbour in bfloat16 bring a result, relative. Its unit roundoff
is 2**-8: rounding all numbers brings a result three times as far."""

LOST = 5 * 2.0**-8
"""How far rounding all operands to bfloat16 brings any result of a network of these tests, relative: in trials at most
2**-7. Two engines differ in a few of those operands, by twice the unit roundoff, and may be no farther apart."""

TURNED = 0.5
"""The same where a relu may turn, which lets a whole gradient pass or none: one in 300 does. In trials at most 0.1."""

Floats = NDArray[np.float64]


def rounding(terms: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> float:
    """How far apart two sums of `terms` numbers may be, the largest of which has the size `scale`."""
    return SAFETY * terms * ROUNDOFF[dtype] * scale


def assert_rounded(
    found: object,
    expected: object,
    *,
    terms: int,
    scale: float | Floats | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Check that numbers are equal but for rounding: floats, arrays or tensors, or lists, tuples and mappings of them.

    Args:
        terms: how many numbers are added up on the longest path to one of them.
        scale: the largest size of what is added up, of all numbers or of each; default the largest expected number.
        dtype: the precision of the computations; default that of the numbers, the lower one where they differ.
    """
    ours, theirs = list(_leaves(found)), list(_leaves(expected))
    assert [(at, each.shape) for at, each, _ in ours] == [(at, each.shape) for at, each, _ in theirs]
    precision = dtype or max((each for _, _, each in ours + theirs), key=ROUNDOFF.__getitem__, default=torch.float64)
    if scale is None:
        scale = largest(expected)
    assert np.isfinite(scale).all(), f"numbers that are not finite cannot be compared: {scale}"
    for (at, a, _), (_, b, _) in zip(ours, theirs, strict=True):
        apart = np.abs(a - b)
        allowed = np.broadcast_to(rounding(terms, 1.0, precision) * np.asarray(scale), apart.shape)
        wrong = ~(apart <= allowed)
        if wrong.any():
            worst = np.unravel_index(np.argmax(np.where(wrong, apart - allowed, -np.inf)), apart.shape)
            raise AssertionError(
                f"{wrong.sum()} of {wrong.size} numbers are not equal; the worst{at}{[int(i) for i in worst]} is "
                f"{a[worst]!r}, expected {b[worst]!r}: {apart[worst]:.3g} apart, where the rounding of {terms} terms "
                f"in {precision} may be {allowed[worst]:.3g}"
            )


def terms_of(model: LanguageModel, steps: int) -> int:
    """How many numbers are added up on the longest path through a model that reads `steps` tokens."""
    cells = [cell for cell in model.cells if isinstance(cell, Cell)]
    hidden = model.spec.cell.hidden
    # A one-hot row's product is a number, to which nothing is added.
    inputs = sum(1 if cell is cells[0] and model.embedding is None else cell.inputs for cell in cells)
    return steps * (inputs + len(cells) * (hidden + 1)) + hidden + 1


def gradient_terms(model: LanguageModel, steps: int, rows: int) -> int:
    """The same of a gradient: through the model and back, and over all rows and steps."""
    return 2 * terms_of(model, steps) + model.vocabulary + steps * rows


def largest(numbers: object) -> float:
    """The largest size of any of these numbers."""
    return max((float(np.abs(each).max()) for _, each, _ in _leaves(numbers) if each.size), default=0.0)


def assert_as_near(apart: Mapping[str, float], yardstick: Mapping[str, float]) -> None:
    """Check that results are as near to the truth as PyTorch's, whose relative distances are the yardstick."""
    allowed = {name: FLOOR + YARDSTICK * yardstick[name] for name in apart}
    assert {name: (d, allowed[name]) for name, d in apart.items() if not d <= allowed[name]} == {}


class Kinks(TorchFunctionMode):
    """Within it, notes how near to 0 the nearest argument of a relu is: there rounding may turn it on or off."""

    def __init__(self) -> None:
        super().__init__()
        self.nearest = float("inf")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.relu and args[0].numel():
            self.nearest = min(self.nearest, float(args[0].detach().abs().min()))
        return func(*args, **(kwargs or {}))


def _leaves(numbers: Any, at: str = "") -> Iterator[tuple[str, Floats, torch.dtype]]:
    """The arrays of a structure, each with its place and its precision."""
    match numbers:
        case Mapping():
            for name, each in sorted(numbers.items(), key=lambda item: str(item[0])):
                yield from _leaves(each, f"{at} {name}")
        case tuple() | list():
            for index, each in enumerate(numbers):
                yield from _leaves(each, f"{at} {index}")
        case Tensor():
            yield at, numbers.detach().double().cpu().numpy(), numbers.dtype
        case _:
            array = np.asarray(numbers)
            yield at, array.astype(np.float64), torch.float32 if array.dtype == np.float32 else torch.float64
