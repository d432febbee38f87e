"""Networks for the gate lab: random weights in double precision, odd sizes, one layer or several."""

import numpy as np
import torch

from gatelab.cells import Cell, build
from gatelab.gates import Clamps
from gatelab.model import LanguageModel, network_of
from gatelab.specs import CellSpec, ClampSpec, EmbeddingSpec, GruSpec, LstmSpec, ModelSpec
from gatelab.text.tokenizers import BEGIN, Ids
from tests.randomized import CELLS, randomize

VOCABULARY = 7

GATED = [spec for spec in CELLS if build(spec, 1).gates]
GRU = GruSpec(kind="gru")
LSTM = LstmSpec(kind="lstm")


def random_model(cell: CellSpec, random: np.random.Generator, layers: int = 2, hidden: int = 5) -> LanguageModel:
    """One-hot or embedded input, at random."""
    spec = ModelSpec(
        cell=cell.model_copy(update={"hidden": hidden}),
        layers=layers,
        input="one_hot" if random.integers(2) else EmbeddingSpec(embedding=3),
    )
    model = LanguageModel(spec, VOCABULARY)
    randomize(model, random)
    return model


def random_ids(random: np.random.Generator, steps: int) -> Ids:
    """This number of tokens, beginning with `<bos>`."""
    return np.concatenate([[BEGIN], random.integers(0, VOCABULARY, steps - 1)]).astype(np.int64)


def held(model: LanguageModel, steps: int, *clamps: ClampSpec) -> Clamps:
    return Clamps(clamps, network_of(model).layers, steps)


def cells_of(model: LanguageModel) -> list[Cell]:
    """The cells of the layers in PyTorch."""
    return [cell for cell in model.cells if isinstance(cell, Cell)]


def random_clamps(model: LanguageModel, random: np.random.Generator, steps: int, count: int = 4) -> list[ClampSpec]:
    """Random clamps of any gates, layers, steps and units."""
    hidden, layers, gates = model.spec.cell.hidden, model.spec.layers, cells_of(model)[0].gates

    def some(below: int) -> tuple[int, ...] | None:
        chosen = random.choice(below, int(random.integers(1, below + 1)), replace=False)
        return tuple(int(n) for n in chosen) if random.integers(3) else None

    return [
        ClampSpec(
            gate=str(random.choice(gates)),
            at=some(steps),
            value=float(random.choice([0.0, 1.0, random.uniform()])),
            layer=int(random.integers(layers)) if random.integers(2) else None,
            units=some(hidden),
        )
        for _ in range(count)
    ]


def expected_hold(clamps: list[ClampSpec], gate: str, step: int, layer: int, activation: torch.Tensor) -> torch.Tensor:
    """An activation (batch, hidden) after the clamps: a second, plain implementation."""
    result = activation.clone()
    for clamp in clamps:
        if clamp.gate == gate and clamp.layer in (None, layer) and (clamp.at is None or step in clamp.at):
            units = range(result.shape[1]) if clamp.units is None else clamp.units
            for unit in units:
                result[:, unit] = clamp.value
    return result
