"""An engine beside the reference: the same models reading the same windows, and how far apart what came of it is."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gatelab.model import Dropout, LanguageModel, ModelState
from gatelab.specs import CellSpec, ModelSpec
from gatelab.specs.training import TrainingSpec
from gatelab.text.windows import Windows
from gatelab.training.engines import Engine, Member, Read, Reading, TorchEngine

CPU = torch.device("cpu")
VOCABULARY = 13

PLAIN = TrainingSpec()


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
    """Windows of any text, of lengths up to `steps`; the first is as long."""
    ids = random.integers(0, vocabulary, size=3 * steps + 40, dtype=np.int64)
    starts = random.integers(1, len(ids) - steps, size=rows, dtype=np.int64)
    ends = starts + random.integers(0 if carried else 1, steps + 1, size=rows)
    ends[0] = starts[0] + steps
    return Windows(ids, starts, ends, steps, rows, carried)


def random_state(random: np.random.Generator, model: LanguageModel, rows: int) -> ModelState:
    """Any state, in single precision."""

    def like(tensor: Tensor) -> Tensor:
        return torch.from_numpy(random.normal(size=tensor.shape).astype(np.float32))

    return tuple(tuple(like(t) for t in layer) for layer in model.initial_state(rows))


@dataclass(frozen=True)
class Found:
    """What an engine made of a reading: loss and state, and the gradient by the parameters' names."""

    read: Read
    gradient: Mapping[str, Tensor]


def differentiated(engine: Engine, readings: Mapping[int, Reading]) -> dict[int, Found]:
    return {m: Found(read, engine.gradient(m)) for m, read in engine.differentiate(readings).items()}


def reference(model: LanguageModel, reading: Reading, dtype: torch.dtype = torch.float64) -> Found:
    """The same by PyTorch, in double precision by default."""
    model = copy.deepcopy(model).to(dtype)
    state = reading.state and tuple(tuple(t.to(dtype) for t in layer) for layer in reading.state)
    engine = TorchEngine([Member(model, PLAIN)], CPU)
    return differentiated(engine, {0: Reading(reading.windows, reading.which, state, reading.dropout)})[0]


def distance(found: Tensor, expected: Tensor) -> float:
    """Relative to the norm of what is expected."""
    return float((found.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-12))


def distances(found: Found, expected: Found) -> dict[str, float]:
    """Of the loss, the states and every gradient."""
    apart = {"loss": abs(found.read.loss - expected.read.loss) / expected.read.loss}
    for layer, (mine, theirs) in enumerate(zip(found.read.state, expected.read.state, strict=True)):
        for tensor, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            apart[f"state {layer}.{tensor}"] = distance(a, b)
    return apart | {name: distance(found.gradient[name], g) for name, g in expected.gradient.items()}


def dropout(model: LanguageModel, seed: int) -> Dropout | None:
    return Dropout(seed, 3) if model.spec.dropout else None
