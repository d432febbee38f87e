"""Checkpoints of the first format, whose classic cells had packed parameters: these become one array for each letter.

`cells.0.weight_input` (inputs, blocks * hidden) had the matrices of all gates side by side; now each is an array of its
own, `cells.0.W_r`. The optimizer's state is numbered by parameters, of which there are now more. No number changes.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeVar

from gatelab.specs.model import ModelSpec
from gatelab.specs.packed_parameters import packed_letters

PACKED_FORMAT = "gatelab-checkpoint-1"

Array = TypeVar("Array")
"""A NumPy array or a tensor: it has a shape and can be sliced."""


def by_letters(
    model: ModelSpec, weights: Mapping[str, Array], optimizer: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Weights by name, and an optimizer's state by "parameter number.name", as a checkpoint has them now.

    Raises:
        ValueError: an array does not have the shape that its name requires.
    """
    if not (packed := packed_letters(model.cell)):
        return dict(weights), dict(optimizer)
    outside = [*(["embedding"] if model.input != "one_hot" else []), "weight_head", "bias_head"]
    layers = [f"cells.{layer}." for layer in range(model.layers)]
    names = [parameter.name for parameter in model.cell.representation.parameters]
    before = [*outside, *(prefix + name for prefix in layers for name in packed)]
    after = {name: number for number, name in enumerate([*outside, *(p + name for p in layers for name in names)])}
    blocks: dict[str, tuple[str, ...]] = {name: (name,) for name in outside}
    blocks |= {p + name: tuple(p + letter for letter in letters) for p in layers for name, letters in packed.items()}
    by_name: dict[str, Array] = {}
    for name, array in weights.items():
        by_name |= _split(array, blocks.get(name, (name,)), model.cell.hidden)
    remembered: dict[str, Array] = {}
    for key, array in optimizer.items():
        number, _, what = key.partition(".")
        if not number.isdecimal() or int(number) >= len(before):
            raise ValueError(f"{key[:100]!r} is not a tensor of the optimizer")
        for name, part in _split(array, blocks[before[int(number)]], model.cell.hidden).items():
            remembered[f"{after[name]}.{what}"] = part
    return by_name, remembered


def _split(array: Array, names: Sequence[str], hidden: int) -> dict[str, Array]:
    """Its columns, `hidden` for each name. A single number, such as the count of steps, is copied."""
    shape: Sequence[int] = getattr(array, "shape", ())
    if not shape:
        return {name: deepcopy(array) for name in names}
    if len(names) == 1:
        return {names[0]: array}
    if shape[-1] != len(names) * hidden:
        raise ValueError(f"{names[0][:100]!r} and others have {shape[-1]} columns instead of {len(names) * hidden}")
    sliced: Any = array
    return {name: sliced[..., at * hidden : (at + 1) * hidden] for at, name in enumerate(names)}
