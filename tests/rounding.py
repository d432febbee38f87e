"""Tolerances between two computations of the same numbers. They are defined here once, and not in each test.

A sum of n terms in arithmetic with the unit roundoff u, added up in any order, differs from the exact sum by at most
n u / (1 - n u) times the sum of the terms' absolute values, and so does an inner product (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd edition, sections 3.1 and 4.2). The bound of these tests is

    SAFETY * n * u * scale

n is the number of terms that are added up, one after the other, on the longest path from the input to a number: for a
network, steps * layers * (hidden + inputs). If a network forgets, only the steps that it remembers count. scale is the
largest absolute value of a term. By default, the largest expected number stands for it, since a small result may be
the sum of large terms that cancel, and then has their rounding error.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gatelab.cells import Cell
from gatelab.model import LanguageModel

SAFETY = 4
"""Both computations round, the weights of the next step may amplify the error of one step, and functions such as tanh
add a roundoff or two of their own. On the other hand, rounding errors have both signs, so they grow like the root of
n."""

ROUNDOFF = {torch.float64: 2.0**-53, torch.float32: 2.0**-24}
"""The unit roundoff of each precision."""

YARDSTICK = 16
"""How many times the error of PyTorch in single precision an engine may have. Each error is a sum of many roundings in
its own order, and either may be lucky."""

DRAWS = 4
"""The number of random changes of all weights by which `scale_of` estimates how much a model amplifies rounding."""

CHANGE = 16 * ROUNDOFF[torch.float32]
"""The relative size of these changes: more than a roundoff, since results in single precision are rounded too."""

FLOOR = 160 * ROUNDOFF[torch.float32]
"""The relative error in single precision that an engine may have even if PyTorch has none: the rounding of 40 terms,
as in a step of a small network."""

FLIPS = 3 / 8 * 2.0**-8
"""The relative change of a result if a few numbers are rounded to the other neighbour in bfloat16, whose unit roundoff
is 2**-8. Rounding all numbers changes a result three times as much."""

FLIPPED = 1 / 3
"""The same as a share of the change by rounding all numbers, for networks that may amplify both: in 2,000 trials with
four published cells, one of which normalizes, at most 0.28."""

LOST = 5 * 2.0**-8
"""The relative change of any result of a network in these tests if all operands are rounded to bfloat16: in trials at
most 2**-7. Two engines differ in a few operands, by twice the unit roundoff, and may not differ by more than this."""

TURNED = 0.5
"""The same if a relu may switch, which lets a whole gradient pass or none: one in 300 does. In trials at most 0.1."""

Floats = NDArray[np.float64]


def rounding(terms: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> float:
    """The tolerance between two sums of `terms` numbers, the largest of which has the absolute value `scale`."""
    return SAFETY * terms * ROUNDOFF[dtype] * scale


def assert_rounded(
    found: object,
    expected: object,
    *,
    terms: int,
    scale: float | Floats | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Check that numbers are equal up to rounding: floats, arrays or tensors, or lists, tuples and mappings of them.

    Args:
        terms: the number of terms on the longest path to one of them.
        scale: the largest absolute value of a term, for all numbers or for each; default the largest expected number.
        dtype: the precision of the computations; default that of the numbers, the lower one if they differ.
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


def scale_of(results: Callable[[LanguageModel], object], model: LanguageModel, random: np.random.Generator) -> float:
    """The scale of the terms in the results of a model in double precision, for comparisons in single precision.

    It is the largest result, unless the model amplifies rounding errors by more than SAFETY allows for. A cell that
    normalizes divides by a difference, which may be tiny: in a layer-normalized GRU of one unit, by that of two gates.
    So all weights are changed at random, and the largest change of a result is divided by that of the weights.
    """
    exact = results(model)
    size, amplified = largest(exact), 0.0
    for _ in range(DRAWS):
        pairs = zip(_leaves(results(changed(model, random))), _leaves(exact), strict=True)
        amplified = max(amplified, *(float(np.abs(a - b).max()) / CHANGE for (_, a, _), (_, b, _) in pairs))
    return amplified if amplified > SAFETY * size else size


def changed(model: LanguageModel, random: np.random.Generator) -> LanguageModel:
    """A copy of the model in double precision, with random changes of all weights of the relative size CHANGE."""
    copied = copy.deepcopy(model).double()
    for parameter in copied.parameters():
        parameter.data.mul_(1 + CHANGE * torch.from_numpy(random.normal(size=tuple(parameter.shape))))
    return copied


def terms_of(model: LanguageModel, steps: int) -> int:
    """The number of terms on the longest path through a model that reads `steps` tokens."""
    cells = [cell for cell in model.cells if isinstance(cell, Cell)]
    hidden = model.spec.cell.hidden
    # The product with a one-hot row is a single number, not a sum.
    inputs = sum(1 if cell is cells[0] and model.embedding is None else cell.inputs for cell in cells)
    return steps * (inputs + len(cells) * (hidden + 1)) + hidden + 1


def gradient_terms(model: LanguageModel, steps: int, rows: int) -> int:
    """The same for a gradient: through the model and back, and over all rows and steps."""
    return 2 * terms_of(model, steps) + model.vocabulary + steps * rows


def largest(numbers: object) -> float:
    """The largest absolute value of these numbers."""
    return max((float(np.abs(each).max()) for _, each, _ in _leaves(numbers) if each.size), default=0.0)


def assert_as_near(apart: Mapping[str, float], yardstick: Mapping[str, float]) -> None:
    """Check that results are as close to the exact ones as PyTorch's, whose relative errors are the yardstick."""
    allowed = {name: FLOOR + YARDSTICK * yardstick[name] for name in apart}
    assert {name: (d, allowed[name]) for name, d in apart.items() if not d <= allowed[name]} == {}


class Kinks(TorchFunctionMode):
    """Records how close to 0 the arguments of relus come in the block, where rounding may switch a relu."""

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
