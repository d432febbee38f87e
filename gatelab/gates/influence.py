"""What a hidden state depends on: the exact Jacobian of h_t with respect to every input, and to the initial state.

The norm of a Jacobian is Frobenius's: the root of the sum of all squares. An input is the vector that enters the first
layer: the one-hot row or the embedding of the token.

The Jacobians of all inputs come from one sweep. With s_k the states of all layers after step k, G_k = d h_t / d s_k is
known for k = t; each step is then differentiated alone, by torch autograd in double precision, for all rows of G_k at
once: G_k d s_k / d s_{k-1} = G_{k-1} goes on backwards, G_k d s_k / d x_k is the Jacobian of the input.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatelab.cells import Cell, State
from gatelab.gates.clamps import Clamps
from gatelab.gates.traces import cells_of
from gatelab.model import LanguageModel, ModelState
from gatelab.text.tokenizers import Ids

FORGOTTEN = 0.01
"""An influence under this share of the greatest one counts as forgotten."""


@dataclass(frozen=True)
class Influence:
    """On what the hidden state after step `output` depends.

    Attributes:
        norms: (output + 1,) of d h_output / d x_k for each step k. 0 means that the gates cut the path, or that the
            number is smaller than double precision knows.
        initial_state: norm of d h_output / d of all tensors of the state before step 0.
    """

    output: int
    norms: NDArray[np.float64]
    initial_state: float

    @property
    def memory_length(self) -> int | None:
        """How many steps back all influences, from there on, are under 1 % of the greatest: 1 if the output's own
        input alone has more. None where the first step still has more: the text is too short to tell. 0 where no
        input has any influence.
        """
        greatest = self.norms.max()
        if greatest == 0:
            return 0
        first = int(np.flatnonzero(self.norms >= FORGOTTEN * greatest)[0])
        return None if first == 0 else self.output - first + 1


def influence(model: LanguageModel, ids: Ids, output: int, clamps: Clamps, *, layer: int | None = None) -> Influence:
    """The influence of every input and of the initial state on the hidden state of a layer after step `output`.

    Args:
        ids: (steps,) more than `output`, `<bos>` included.
        clamps: made for this model and this number of steps.
        layer: default the last one.
    """
    network = _Network(model, ids, clamps)
    states = network.states(output)
    norms = np.zeros(output + 1)
    rows = _unit_rows(states[-1], model.spec.layers - 1 if layer is None else layer)
    for step in range(output, -1, -1):
        of_input, rows = network.differentiate(step, states[step], rows)
        norms[step] = torch.linalg.vector_norm(of_input).item()
        if not any(row.any() for row in rows):
            break  # the path is cut: everything before has no influence at all
    initial = torch.linalg.vector_norm(torch.cat([row.flatten() for row in rows])).item()
    return Influence(output, norms, initial)


class _Network:
    """The layers in double precision, and the text that they read."""

    def __init__(self, model: LanguageModel, ids: Ids, clamps: Clamps) -> None:
        double = copy.deepcopy(model).double()
        self._cells, self._clamps, self._ids = cells_of(double), clamps, ids
        self._start = double.initial_state(1)
        self._vectors = None if double.embedding is None else double.embedding.detach()
        self._width, self._like = self._cells[0].inputs, self._start[0][0]

    def states(self, output: int) -> list[ModelState]:
        """Before step 0, and after each step up to `output`."""
        states = [self._start]
        with torch.no_grad():
            for step in range(output + 1):
                states.append(self._step(step, self._input(step), states[-1]))
        return states

    def differentiate(self, step: int, before: ModelState, rows: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Take the Jacobian `rows` (rows, 1, hidden), one tensor for each of the state's after `step`, through it.

        Returns:
            The Jacobian of the input (rows, 1, width), and those of the state before the step.
        """
        x = self._input(step).requires_grad_()
        leaves = tuple(tuple(t.detach().requires_grad_() for t in state) for state in before)
        inputs, after = [x, *_flat(leaves)], _flat(self._step(step, x, leaves))
        found = torch.autograd.grad(
            after, inputs, list(rows), is_grads_batched=True, allow_unused=True, materialize_grads=True
        )
        # What a step does not use has a gradient without rows.
        full = [g.expand(len(rows[0]), *t.shape) for g, t in zip(found, inputs, strict=True)]
        return full[0], full[1:]

    def _input(self, step: int) -> Tensor:
        """The vector (1, width) that enters the first layer."""
        token = int(self._ids[step])
        if self._vectors is not None:
            return self._vectors[token][None].clone()
        row = self._like.new_zeros(1, self._width)
        row[0, token] = 1
        return row

    def _step(self, step: int, x: Tensor, state: ModelState) -> ModelState:
        after: list[State] = []
        for layer, (cell, before) in enumerate(zip(self._cells, state, strict=True)):
            after.append(_update(cell, x, before, self._clamps, step, layer))
            x = after[-1][0]
        return tuple(after)


def _update(cell: Cell, x: Tensor, before: State, clamps: Clamps, step: int, layer: int) -> State:
    return cell.update(cell.project(x[None])[0], before, clamps.at(step, layer))


def _flat(state: ModelState) -> list[Tensor]:
    return [tensor for of_layer in state for tensor in of_layer]


def _unit_rows(state: ModelState, layer: int) -> list[Tensor]:
    """d h / d state, for h of this layer: the identity there, 0 elsewhere."""
    hidden = state[layer][0].shape[1]
    identity = torch.eye(hidden, dtype=torch.float64, device=state[layer][0].device)[:, None]
    return [
        identity if tensor is state[layer][0] else torch.zeros_like(identity)
        for of_layer in state
        for tensor in of_layer
    ]
