"""Models with options around their cells, and a second implementation of them in NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.dropout import Dropout
from gatelab.model import LanguageModel, ModelState
from gatelab.specs import CellSpec, GruSpec, LstmSpec, ModelSpec
from tests.contracts import equations
from tests.randomized import randomize

Array = NDArray[np.float64]

VOCABULARY, HIDDEN = 11, 6
TWO: dict[str, Any] = {"layers": 2}
WIDE: dict[str, Any] = {"input": {"embedding": HIDDEN}}
DROPS = {"layers": 0.3, "input": 0.2, "recurrent": 0.25, "zoneout": 0.15}

FIELDS: dict[str, dict[str, Any]] = {
    "sizes": {"sizes": [7, 4, 6]},
    "norm": {**TWO, "norm": "layer"},
    "residual": {"layers": 3, "connections": "residual"},
    "highway": {"layers": 3, "connections": "highway"},
    "tied": {**TWO, **WIDE, "tied": True},
    "learned": {**TWO, "initial_state": "learned"},
    "zoneout": {**TWO, "dropout": {"zoneout": 0.3}},
    "recurrent": {**TWO, "dropout": {"recurrent": 0.4}},
    "tokens": {**TWO, "dropout": {"input": 0.4}},
    "words": {**TWO, "dropout": {"input": 0.4, "variational": True}},
    "input": {**TWO, "input": {"embedding": 5}, "dropout": {"input": 0.4}},
    "gal": {**TWO, **WIDE, "dropout": {"layers": 0.3, "input": 0.2, "recurrent": 0.25, "variational": True}},
    "sizes and norm": {"sizes": [7, 4, 6], "norm": "layer", "initial_state": "learned", "dropout": {"zoneout": 0.3}},
    "residual, all": {
        **{"layers": 3, **WIDE, "connections": "residual", "norm": "layer", "tied": True},
        **{"initial_state": "learned", "dropout": DROPS},
    },
    "highway, all": {
        **{"layers": 3, **WIDE, "connections": "highway", "norm": "layer", "tied": True},
        **{"initial_state": "learned", "dropout": {**DROPS, "variational": True}},
    },
}
"""Every option alone, and all of them together."""

CELLS: tuple[CellSpec, ...] = (GruSpec(kind="gru"), GruSpec(kind="gru", reset="after"), LstmSpec(kind="lstm"))


def spec_of(name: str, cell: CellSpec = CELLS[0]) -> ModelSpec:
    fields = FIELDS[name]
    sized = cell.model_copy(update={"hidden": fields["sizes"][-1] if "sizes" in fields else HIDDEN})
    return ModelSpec.model_validate({"cell": sized, **fields})


def model_of(name: str, random: np.random.Generator, cell: CellSpec = CELLS[0], size: float = 0.7) -> LanguageModel:
    """Random numbers in double precision."""
    model = LanguageModel(spec_of(name, cell), VOCABULARY)
    randomize(model, random, size)
    return model


# -- What they compute --------------------------------------------------------------------------------------------


def expected(
    model: LanguageModel, ids: NDArray[np.int64], state: ModelState, dropout: Dropout | None = None
) -> tuple[Array, tuple[tuple[Array, ...], ...]]:
    """Logits (steps, batch, vocabulary) and the last state, each sequence read by itself."""
    rows = [_Row(model, ids.shape, row, dropout) for row in range(ids.shape[1])]
    read = [
        row.read(ids[:, row.number], [[t[row.number].detach().numpy() for t in layer] for layer in state])
        for row in rows
    ]
    last = (
        tuple(np.stack([after[layer][place] for _, after in read]) for place in range(len(of_layer)))
        for layer, of_layer in enumerate(state)
    )
    return np.stack([logits for logits, _ in read], axis=1), tuple(last)


class _Row:
    """One sequence of a batch."""

    def __init__(self, model: LanguageModel, shape: tuple[int, ...], number: int, dropout: Dropout | None) -> None:
        self.weights = {name: p.detach().numpy() for name, p in model.named_parameters()}
        self.spec, self.shape, self.number, self.dropout = model.spec, shape, number, dropout

    def read(self, ids: NDArray[np.int64], states: list[list[Array]]) -> tuple[Array, list[list[Array]]]:
        x, after = self.entering(ids), []
        for layer, state in enumerate(states):
            read = self.normalized(layer, x)
            y, last = self.scan(layer, read, state)
            y = y * self.mask("outputs", layer)
            if layer and self.spec.connections == "residual":
                y = y + x
            elif layer and self.spec.connections == "highway":
                w, b = (self.weights[f"highways.{layer}.{name}"] for name in ("weight", "bias"))
                t = 1 / (1 + np.exp(-(read @ w + b)))
                y = y * t + x * (1 - t)
            x = y
            after.append(last)
        head = self.weights["embedding"].T if self.spec.tied else self.weights["weight_head"]
        return self.normalized(len(states), x) @ head + self.weights["bias_head"], after

    def entering(self, ids: NDArray[np.int64]) -> Array:
        table = self.weights.get("embedding", np.eye(VOCABULARY))
        rows = table[ids]
        if self.dropout is None or not self.spec.drops.input:
            return rows
        steps, batch = self.shape
        masks = self.dropout.input(self.spec, steps, batch, VOCABULARY)
        assert masks is not None
        return rows * masks[:, self.number]

    def mask(self, which: str, layer: int) -> Array | float:
        if self.dropout is None or not self.spec.drops.layers:
            return 1.0
        masks = self.dropout.outputs(self.spec, layer, *self.shape)
        assert masks is not None
        return masks[:, self.number].astype(np.float64)

    def normalized(self, place: int, x: Array) -> Array:
        if place == 0 or self.spec.norm == "none":
            return x
        gain, bias = (self.weights[f"norms.{place}.{name}"] for name in ("gain", "bias"))
        found: Array = gain * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) + bias
        return found

    def scan(self, layer: int, x: Array, state: list[Array]) -> tuple[Array, list[Array]]:
        prefix, drops = f"cells.{layer}.", self.spec.drops
        own = {name.removeprefix(prefix): w for name, w in self.weights.items() if name.startswith(prefix)}
        if self.dropout and drops.recurrent:
            # (h m) U = h (m U), with m over the rows of U.
            mask = self.dropout.recurrent(self.spec, layer, self.shape[1])
            assert mask is not None
            own = {n: w * mask[self.number][:, None] if n.startswith("U") else w for n, w in own.items()}
        kept = self.dropout.zoneout(self.spec, layer, *self.shape) if self.dropout else None
        now, outputs = [t[None] for t in state], []
        for step, x_t in enumerate(x):
            new = equations.step(self.spec.cell, own, x_t[None], tuple(now)).state
            if drops.zoneout and kept is None:
                now = [drops.zoneout * old + (1 - drops.zoneout) * t for old, t in zip(now, new, strict=True)]
            elif kept is not None:
                at = kept[step][:, self.number]
                now = [np.where(k, old, t) for k, old, t in zip(at, now, new, strict=True)]
            else:
                now = list(new)
            outputs.append(now[0][0])
        return np.array(outputs), [t[0] for t in now]
