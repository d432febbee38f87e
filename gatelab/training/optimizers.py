"""The optimizers of a spec, and their state as named tensors."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from gatelab.optimizer_state import decays
from gatelab.specs.training import AdamSpec, AdamWSpec, OptimizerSpec, RmspropSpec, SgdSpec


def build_optimizer(spec: OptimizerSpec, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The torch optimizer that `spec` describes."""
    match spec:
        case SgdSpec(lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov):
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov)
        case RmspropSpec(lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=decay):
            return torch.optim.RMSprop(parameters, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=decay)
        case AdamSpec(lr=lr, betas=betas, eps=eps):
            return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=eps)
        case AdamWSpec(lr=lr, betas=betas, eps=eps, weight_decay=decay):
            groups = [{"params": [p], "weight_decay": decay if decays(spec, p.dim()) else 0.0} for p in parameters]
            return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of the optimizer, as "parameter index.name" -> tensor."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value.detach().clone()
        for index, named in state.items()
        for name, value in named.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Load a state that `optimizer_state` returned for the same spec."""
    per_parameter: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        index, name = key.split(".", 1)
        per_parameter.setdefault(int(index), {})[name] = value.clone()
    optimizer.load_state_dict(optimizer.state_dict() | {"state": per_parameter})
