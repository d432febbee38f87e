"""Comparing an engine with the reference: the same models read the same windows."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gatelab.cells import Cell
from gatelab.dropout import Dropout
from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, ModelSpec
from gatelab.text.windows import Windows
from gatelab.training.engines import Engine, Read, Reading
from gatelab.training.engines.base import Array, State
from gatelab.training.engines.reference import TorchEngine
from tests.randomized import random_states
from tests.rounding import CHANGE, FLOOR, ROUNDOFF, Kinks, assert_as_near, changed
from tests.training.members import member_of

VOCABULARY = 13


def model_of(
    cell: CellSpec, seed: int, vocabulary: int = VOCABULARY, hidden: int = 5, **fields: object
) -> LanguageModel:
    """A model as PyTorch would start it."""
    spec = ModelSpec.model_validate({"cell": cell.model_copy(update={"hidden": hidden}), **fields})
    model = LanguageModel(spec, vocabulary)
    model.initialize(seed)
    return model


def random_windows(
    random: np.random.Generator, rows: int, steps: int, *, carried: bool = False, vocabulary: int = VOCABULARY
) -> Windows:
    """Windows of any text, with lengths up to `steps`; the first has this length."""
    ids = random.integers(0, vocabulary, size=3 * steps + 40, dtype=np.int64)
    starts = random.integers(1, len(ids) - steps, size=rows, dtype=np.int64)
    ends = starts + random.integers(0 if carried else 1, steps + 1, size=rows)
    ends[0] = starts[0] + steps
    return Windows(ids, starts, ends, steps, rows, carried)


def random_reading(
    random: np.random.Generator, model: LanguageModel, rows: int, steps: int, dropout: Dropout | None = None
) -> Reading:
    """Any windows from any state for which no relu's argument is so close to 0 that rounding could switch it."""
    while True:
        windows = random_windows(random, rows, steps, carried=True, vocabulary=model.vocabulary)
        reading = Reading(windows, np.arange(rows), random_state(random, model, rows), dropout)
        with Kinks() as kinks:
            TorchEngine([member_of(model)]).read({0: reading})
        if kinks.nearest > FLOOR:
            return reading


def random_state(random: np.random.Generator, model: LanguageModel, rows: int) -> State:
    """Any state, in single precision."""
    cells = [cell for cell in model.cells if isinstance(cell, Cell)]
    states = [random_states(random, cell.states, rows, cell.hidden) for cell in cells]
    return tuple(tuple(state.numpy().astype(np.float32) for state in layer) for layer in states)


@dataclass(frozen=True)
class Found:
    """The result of an engine for a reading: loss and state, and parameter name -> gradient."""

    read: Read
    gradient: Mapping[str, Array]


def differentiated(engine: Engine, readings: Mapping[int, Reading]) -> dict[int, Found]:
    return {m: Found(read, engine.gradient(m)) for m, read in engine.differentiate(readings).items()}


def reference(model: LanguageModel, reading: Reading, dtype: torch.dtype = torch.float64) -> Found:
    """The same from PyTorch, in double precision by default."""
    return differentiated(TorchEngine([member_of(copy.deepcopy(model).to(dtype))]), {0: reading})[0]


def distance(found: Array, expected: Array, size: float = 0.0) -> float:
    """Relative to the norm of the expected numbers, or to that of numbers of this size, if that is larger."""
    norm = max(length(expected), size * expected.size**0.5)
    return length(found.astype(np.float64) - expected) / norm if norm else length(found)


def length(array: Array) -> float:
    """Its norm, in double precision."""
    return float(np.linalg.norm(array.astype(np.float64)))


def distances(found: Found, expected: Found) -> dict[str, float]:
    """The relative errors of the loss, the states and every gradient.

    A single number may be nearly 0 if large terms cancel, and then has their rounding error. The terms of a state have
    a size of 1, those of a gradient that of all gradients.
    """
    apart = {"loss": abs(found.read.loss - expected.read.loss) / expected.read.loss}
    for layer, (mine, theirs) in enumerate(zip(found.read.state, expected.read.state, strict=True)):
        for tensor, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            apart[f"state {layer}.{tensor}"] = distance(a, b, 1.0)
    whole = np.concatenate([g.reshape(-1) for g in expected.gradient.values()])
    size = length(whole) / len(whole) ** 0.5
    return apart | {name: distance(found.gradient[name], g, size) for name, g in expected.gradient.items()}


def check_as_near(found: Found, model: LanguageModel, reading: Reading) -> None:
    """Check that results are as close to the exact ones as PyTorch's in single precision."""
    truth = reference(model, reading)
    assert_as_near(distances(found, truth), roundings(model, reading, truth))


def roundings(model: LanguageModel, reading: Reading, truth: Found) -> dict[str, float]:
    """What rounding does to each result: the error of PyTorch in single precision or, if that was lucky, the change by
    a roundoff in all weights. A model that normalizes may amplify it a hundred times."""
    single = distances(reference(model, reading, torch.float32), truth)
    moved = distances(reference(changed(model, np.random.default_rng(0)), reading), truth)
    return {name: max(single[name], d * ROUNDOFF[torch.float32] / CHANGE) for name, d in moved.items()}


def dropout(model: LanguageModel, seed: int) -> Dropout | None:
    return Dropout(seed, 3) if model.spec.dropout else None
