"""Optimizers on flat parameters: what C++ needs to take a step, and their state by torch's names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.scan.native import Layout
from gatelab.scan.native.interface import OPTIMIZERS, Update
from gatelab.scan.native.program import Floats, pointer
from gatelab.specs.training import SgdSpec, TrainingSpec


class FlatOptimizer:
    """SGD, Adam or AdamW, with the state that `optimizers.optimizer_state` would give for the same parameters."""

    def __init__(self, training: TrainingSpec, parameters: Floats, gradient: Floats, layout: Layout) -> None:
        self.spec, self.clip_norm = training.optimizer, training.clip_norm
        self.steps = 0
        self._parameters, self._gradient, self._layout = parameters, gradient, layout
        self._names = self._state_names()
        self._moments = [np.zeros(layout.length, np.float32) for _ in self._names]

    def describe(self, update: Update, square_norm: float) -> None:
        """Fill in the next step; it counts as taken."""
        spec = self.spec
        update.kind, update.step, update.lr = OPTIMIZERS[spec.kind], self.steps, spec.lr
        update.clip_norm, update.square_norm = self.clip_norm or 0.0, square_norm
        update.weight_decay = getattr(spec, "weight_decay", 0.0)
        if isinstance(spec, SgdSpec):
            update.momentum = spec.momentum
        else:
            (update.beta1, update.beta2), update.eps = spec.betas, spec.eps
        update.parameters, update.gradient = pointer(self._parameters), pointer(self._gradient)
        update.length = self._layout.length
        first, second = [*self._moments, None, None][:2]
        update.first, update.second = pointer(first), pointer(second)
        self.steps += 1

    def state(self) -> dict[str, NDArray[Any]]:
        """What is remembered, as "parameter index.name" -> array of its own."""
        if not self.steps:
            return {}
        state: dict[str, NDArray[Any]] = {}
        for name, moment in zip(self._names, self._moments, strict=True):
            for index, tensor in enumerate(self._layout.arrays(moment.copy()).values()):
                state[f"{index}.{name}"] = tensor
                if not isinstance(self.spec, SgdSpec):
                    state[f"{index}.step"] = np.array(self.steps, np.float32)
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        for name, moment in zip(self._names, self._moments, strict=True):
            for index, tensor in enumerate(self._layout.arrays(moment).values()):
                if (saved := state.get(f"{index}.{name}")) is not None:
                    tensor[...] = saved
        # Only Adam's formulas depend on the number of steps; for SGD, what matters is whether there was one.
        self.steps = int(state["0.step"]) if "0.step" in state else int(bool(state))

    def _state_names(self) -> tuple[str, ...]:
        if isinstance(self.spec, SgdSpec):
            return ("momentum_buffer",) if self.spec.momentum else ()
        return "exp_avg", "exp_avg_sq"
