"""The language model of every member at once: `LanguageModel.forward`, its loss and its gradients, on stacks."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gatelab.scan.triton import code_of, gather, linear, scan, spread, totals
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import Precision
from gatelab.text.windows import IGNORED
from gatelab.training.engines.stacked.parameters import Stacks


class StackedModel:
    """Reads and differentiates. Its functions take the result of `Group.arguments` and change nothing."""

    def __init__(self, spec: ModelSpec, stacks: Stacks, precision: Precision = "fp32") -> None:
        self._spec, self._stacks, self._precision = spec, stacks, precision
        self._code = code_of(spec.cell.representation)

    def read(
        self, index: Tensor, tokens: Tensor, ids: Tensor, targets: Tensor, state: Tensor, *masks: Tensor
    ) -> tuple[Tensor, ...]:
        """The members' losses (members,), summed over their scored targets in nats, and their last state."""
        with torch.no_grad():
            losses, last = self._losses(self._parameters(index), ids, targets, state, masks)
        return totals(losses), last

    def differentiate(
        self, index: Tensor, tokens: Tensor, ids: Tensor, targets: Tensor, state: Tensor, *masks: Tensor
    ) -> tuple[Tensor, ...]:
        """Like `read`, with the gradient of each member's mean loss in every parameter, (members, *shape)."""
        with torch.enable_grad():
            parameters = {name: p.detach().requires_grad_() for name, p in self._parameters(index).items()}
            losses, last = self._losses(parameters, ids, targets, state, masks)
        weights = (1 / tokens)[:, None].expand_as(losses)
        gradients = torch.autograd.grad(losses, list(parameters.values()), weights)
        return totals(losses.detach()), last.detach(), *gradients

    def _parameters(self, index: Tensor) -> dict[str, Tensor]:
        return {name: self._stacks.take(stack, index) for name, stack in self._stacks.parameters.items()}

    def _losses(
        self, parameters: dict[str, Tensor], ids: Tensor, targets: Tensor, state: Tensor, masks: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """The cross entropy of every target, (members, steps * batch), and the last state."""
        x: Tensor | None = None
        last = []
        for layer in range(self._spec.layers):
            x, after = self._layer(parameters, layer, x, ids, state[layer])
            last.append(after)
            if masks:
                x = x * masks[layer]
        assert x is not None, "a model has a layer"
        logits = linear(x.flatten(1, 2), parameters["weight_head"], parameters["bias_head"], self._precision)
        losses = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        return losses.view(len(ids), -1), torch.stack(last)

    def _layer(
        self, parameters: dict[str, Tensor], layer: int, x: Tensor | None, ids: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The outputs and last state of a layer that reads x, the first one the ids."""
        own = {name.removeprefix(f"cells.{layer}."): p for name, p in parameters.items()}
        code, hidden = self._code, self._spec.cell.hidden
        recurrent = _beside([own[letter] for letter in code.matrices])
        biases = _beside([own[letter] for letter in code.biases])
        vectors = _beside([_vector(own[letter], hidden) for letter in code.vectors])
        u, picked = self._side_of_input(own, parameters.get("embedding"), x, ids)
        return scan(code, u, picked, recurrent, biases, vectors, state, precision=self._precision)

    def _side_of_input(
        self, own: dict[str, Tensor], embedding: Tensor | None, x: Tensor | None, ids: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """x W + b of all sums with the input, in the form for `scan`: a table with ids, or the values alone."""
        none = next(iter(own.values())).new_zeros(len(ids), self._spec.cell.hidden)
        weight = torch.cat([own[letter] for letter, _ in self._code.inputs], dim=-1)
        bias = torch.cat([none if letter is None else own[letter] for _, letter in self._code.inputs], dim=-1)
        if x is None:
            return self._input(embedding, weight, bias, ids)
        return linear(x.flatten(1, 2), weight, bias, self._precision).view(*x.shape[:3], -1), None

    def _input(
        self, embedding: Tensor | None, weight: Tensor, bias: Tensor, ids: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The first layer's products with the input: a table with the ids that pick its rows, or the values alone."""
        if embedding is None:
            return weight + bias[:, None], ids
        if embedding.shape[1] <= ids[0].numel():
            return linear(embedding, weight, bias), ids
        rows = gather(embedding, ids.flatten(1))
        return linear(rows, weight, bias).view(*ids.shape, -1), None


def _beside(tensors: Sequence[Tensor]) -> Tensor | None:
    """The tensors side by side, or None if there are none."""
    return torch.cat(list(tensors), dim=-1) if tensors else None


def _vector(parameter: Tensor, hidden: int) -> Tensor:
    """A vector (members, hidden), or a scalar (members,) as one."""
    return spread(parameter, hidden) if parameter.dim() == 1 else parameter
