"""Optimizers on flat parameters: the arguments of a step in C++, and the state by PyTorch's names."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.optimizer_state import decays, remembered
from gatelab.scan.native import Layout
from gatelab.scan.native.interface import OPTIMIZERS, Update
from gatelab.scan.native.program import Floats, pointer
from gatelab.specs.training import OptimizerSpec, RmspropSpec, SgdSpec, TrainingSpec

_PLACES = ("momentum_buffer", "exp_avg"), ("square_avg", "exp_avg_sq")
"""The first and the second moment in C++."""


class FlatOptimizer:
    """The optimizer of a spec, with the state that `optimizers.optimizer_state` would give for the same parameters."""

    def __init__(self, training: TrainingSpec, parameters: Floats, gradient: Floats, layout: Layout) -> None:
        self.spec = training.optimizer
        self.steps = 0
        self._layout = layout
        self._names = remembered(self.spec)
        self._moments = [np.zeros(layout.length, np.float32) for _ in self._names]
        # Fields that stay from step to step are filled in once.
        self._updates = [
            self._update(parameters, gradient, slice(start, end), decay, training.clip_norm)
            for start, end, decay in _parts(self.spec, layout)
        ]

    def next(self, rate: float, square_norm: float) -> Sequence[Update]:
        """The next step at this learning rate, to be copied; it counts as taken.

        It is one update, or several if biases decay differently: one for each range of parameters.
        """
        for update in self._updates:
            update.lr, update.square_norm, update.step = rate, square_norm, self.steps
        self.steps += 1
        return self._updates

    def _update(
        self, parameters: Floats, gradient: Floats, part: slice, decay: float, clip_norm: float | None
    ) -> Update:
        spec, update = self.spec, Update()
        update.kind, update.clip_norm, update.weight_decay = OPTIMIZERS[spec.kind], clip_norm or 0.0, decay
        match spec:
            case SgdSpec():
                update.momentum, update.nesterov = spec.momentum, spec.nesterov
            case RmspropSpec():
                update.momentum, update.beta2, update.eps = spec.momentum, spec.alpha, spec.eps
            case _:
                (update.beta1, update.beta2), update.eps = spec.betas, spec.eps
        update.parameters, update.gradient = pointer(parameters[part]), pointer(gradient[part])
        update.length = part.stop - part.start
        moments = dict(zip(self._names, (moment[part] for moment in self._moments), strict=True))
        first, second = (next((moments[name] for name in names if name in moments), None) for names in _PLACES)
        update.first, update.second = pointer(first), pointer(second)
        return update

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of the state, as "parameter index.name" -> array."""
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
        # Only Adam's formulas depend on the number of steps; for SGD, it only matters whether there was one.
        self.steps = int(state["0.step"]) if "0.step" in state else int(bool(state))


def _parts(spec: OptimizerSpec, layout: Layout) -> list[tuple[int, int, float]]:
    """The ranges of adjacent parameters with equal decay: start, end, and weight decay."""
    decay = getattr(spec, "weight_decay", 0.0)
    if all(decays(spec, dimensions) for dimensions in (1, 2)):
        return [(0, layout.length, decay)]
    parts: list[tuple[int, int, float]] = []
    for start, shape in layout.places.values():
        end, own = start + math.prod(shape), decay if decays(spec, len(shape)) else 0.0
        if parts and parts[-1][2] == own:
            start = parts.pop()[0]
        parts.append((start, end, own))
    return parts
