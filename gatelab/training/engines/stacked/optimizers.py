"""The optimizers of a pack: torch.optim's formulas on stacks, every member with its own values.

Names and meaning of the state are those of torch.optim, so that any engine can continue from it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gatelab.optimizer_state import remembered
from gatelab.scan.triton import totals
from gatelab.specs.training import AdamSpec, AdamWSpec, RmspropSpec, SgdSpec, TrainingSpec
from gatelab.training.engines.base import Array
from gatelab.training.engines.stacked.parameters import Stacks

CLIP_EPSILON = 1e-6
"""The constant of torch.nn.utils.clip_grad_norm_."""
_OF_BIAS = 2
"""Axes of the stack of a bias: the members, and its own; a scalar's has only the first."""


Memory = Mapping[str, Tensor]
Values = Mapping[str, Tensor]


class StackedOptimizers:
    """Clips and updates the members of a pack."""

    def __init__(self, trainings: Sequence[TrainingSpec], stacks: Stacks) -> None:
        self._trainings, self._stacks = trainings, stacks
        self._steps = [0] * len(trainings)
        kept = {what for training in trainings for what in remembered(training.optimizer)}
        self._memory = {
            name: {what: torch.zeros_like(stack) for what in kept} for name, stack in stacks.parameters.items()
        }

    def update(self, rates: Mapping[int, float]) -> None:
        """Clip the gradients kept for members and take one step of their optimizers, each at its learning rate."""
        for kinds, step in ((SgdSpec, sgd), (RmspropSpec, rmsprop), ((AdamSpec, AdamWSpec), adam)):
            of_kind = sorted(m for m in rates if isinstance(self._trainings[m].optimizer, kinds))
            if of_kind:
                self._update(of_kind, rates, step)

    @torch.no_grad()
    def _update(self, members: list[int], rates: Mapping[int, float], step: "Step") -> None:
        stacks, index = self._stacks, self._stacks.index(members)
        for member in members:
            self._steps[member] += 1
        values = self._values(members, rates)
        gradients = {name: stacks.take(stack, index) for name, stack in stacks.gradients.items()}
        factor = clipping(gradients.values(), values["clip_norm"])
        for name, gradient in gradients.items():
            shape = (-1, *[1] * (gradient.dim() - 1))
            parameter = stacks.take(stacks.parameters[name], index)
            memory = {what: stacks.take(stack, index) for what, stack in self._memory[name].items()}
            own = {n: v.view(shape) for n, v in values.items()}
            if "keep" in own and parameter.dim() <= _OF_BIAS:
                own["keep"] = own["keep_bias"]
            step(parameter, gradient * factor.view(shape), memory, own)
            stacks.put(stacks.parameters[name], index, parameter)
            for what, stack in self._memory[name].items():
                stacks.put(stack, index, memory[what])

    def _values(self, members: Sequence[int], rates: Mapping[int, float]) -> dict[str, Tensor]:
        """The values of each member in the formulas, name -> (members,)."""
        rows = [_values(self._trainings[m], rates[m], self._steps[m]) for m in members]
        columns = torch.tensor([list(row.values()) for row in rows], dtype=torch.float64).T
        return dict(zip(rows[0], columns.to(self._stacks.device, self._stacks.dtype), strict=True))

    def state(self, member: int) -> dict[str, Array]:
        """A copy of the state of the member's optimizer."""
        optimizer, state = self._trainings[member].optimizer, dict[str, Array]()
        if self._steps[member] == 0:
            return state
        for number, memory in enumerate(self._memory.values()):
            if not isinstance(optimizer, SgdSpec):
                state[f"{number}.step"] = np.array(self._steps[member], np.float32)
            for what in remembered(optimizer):
                state[f"{number}.{what}"] = memory[what][member].cpu().numpy().copy()
        return state

    def restore(self, member: int, state: Mapping[str, Array]) -> None:
        """Load a state into the member's optimizer that `state` of any engine returned."""
        # SGD does not count its steps; it must only know whether there were any.
        self._steps[member] = int(state.get("0.step", len(state)))
        for number, memory in enumerate(self._memory.values()):
            for what in remembered(self._trainings[member].optimizer):
                memory[what][member] = torch.from_numpy(np.asarray(state.get(f"{number}.{what}", 0.0)))


Step = Callable[[Tensor, Tensor, Memory, Values], None]
"""Update a parameter (members, *shape) and its state in place, by its gradient."""


def clipping(gradients: Iterable[Tensor], bound: Tensor) -> Tensor:
    """The factor for each member's gradients that makes their norm at most `bound` (members,)."""
    norm = totals(torch.cat([gradient.reshape(len(bound), -1) for gradient in gradients], dim=1).square()).sqrt()
    return torch.where(bound.isinf(), 1.0, (bound / (norm + CLIP_EPSILON)).clamp(max=1.0))


def sgd(parameter: Tensor, gradient: Tensor, memory: Memory, values: Values) -> None:
    """Like torch.optim.SGD without dampening; with a momentum of 0, nothing is kept."""
    gradient = gradient + values["weight_decay"] * parameter
    if "momentum_buffer" in memory:
        # Per member, since a plain member beside one with momentum has a momentum of 0.
        moved = memory["momentum_buffer"].mul_(values["momentum"]).add_(gradient)
        gradient = torch.where(values["nesterov"] > 0, gradient + values["momentum"] * moved, moved)
    parameter.sub_(values["lr"] * gradient)


def rmsprop(parameter: Tensor, gradient: Tensor, memory: Memory, values: Values) -> None:
    """Like torch.optim.RMSprop, not centered; with a momentum of 0, nothing is kept."""
    gradient = gradient + values["weight_decay"] * parameter
    square = memory["square_avg"].mul_(values["alpha"]).add_(values["one_minus_alpha"] * gradient * gradient)
    gradient = gradient / (square.sqrt() + values["eps"])
    if "momentum_buffer" in memory:
        gradient = memory["momentum_buffer"].mul_(values["momentum"]).add_(gradient)
    parameter.sub_(values["lr"] * gradient)


def adam(parameter: Tensor, gradient: Tensor, memory: Memory, values: Values) -> None:
    """Like torch.optim.Adam and AdamW (Loshchilov & Hutter 2019, algorithm 2); with a decay of 0 they are equal."""
    average, square = memory["exp_avg"], memory["exp_avg_sq"]
    average.lerp_(gradient, values["one_minus_beta1"])
    square.mul_(values["beta2"]).add_(values["one_minus_beta2"] * gradient * gradient)
    parameter.mul_(values["keep"])
    parameter.sub_(values["step_size"] * average / (square.sqrt() / values["root_of_correction"] + values["eps"]))


def _values(training: TrainingSpec, lr: float, step: int) -> dict[str, float]:
    """The numbers in the formulas of one member at its step `step`, the first being 1."""
    clip_norm = math.inf if training.clip_norm is None else training.clip_norm
    match training.optimizer:
        case SgdSpec(momentum=momentum, weight_decay=decay, nesterov=nesterov):
            own = {"momentum": momentum, "weight_decay": decay, "nesterov": float(nesterov)}
            return {"clip_norm": clip_norm, "lr": lr, **own}
        case RmspropSpec(alpha=alpha, eps=eps, momentum=momentum, weight_decay=decay):
            own = {"alpha": alpha, "one_minus_alpha": 1 - alpha, "eps": eps, "momentum": momentum}
            return {"clip_norm": clip_norm, "lr": lr, "weight_decay": decay, **own}
        case AdamSpec(betas=(beta1, beta2), eps=eps):
            decay = of_biases = 0.0
        case AdamWSpec(betas=(beta1, beta2), eps=eps, weight_decay=decay, decay_biases=all_decay):
            of_biases = decay if all_decay else 0.0
    return {
        "clip_norm": clip_norm,
        "one_minus_beta1": 1 - beta1,
        "beta2": beta2,
        "one_minus_beta2": 1 - beta2,
        "eps": eps,
        "keep": 1 - lr * decay,
        "keep_bias": 1 - lr * of_biases,
        "step_size": lr / (1 - beta1**step),
        "root_of_correction": math.sqrt(1 - beta2**step),
    }
