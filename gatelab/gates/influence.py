"""Influences on a hidden state: the exact Jacobian of h_t with respect to every input, and to the initial state.

The norm of a Jacobian is Frobenius's: the root of the sum of all squares. An input is the vector that enters the first
layer: the one-hot row or the embedding of the token.

The Jacobians of all inputs come from one sweep. With s_k the states of all layers after step k, G_k = d h_t / d s_k is
known for k = t. Each step is then differentiated alone, in double precision, for all rows of G_k at once:
G_{k-1} = G_k d s_k / d s_{k-1} continues backwards, and G_k d s_k / d x_k is the Jacobian of the input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatelab.gates.clamps import Clamps
from gatelab.gates.connection_jacobian import Between, Passed, added
from gatelab.gates.jacobian import Differentiated, Rows
from gatelab.network import Array, Network, NetworkState
from gatelab.text.tokenizers import Ids

FORGOTTEN = 0.01
"""An influence under this share of the greatest one counts as forgotten."""


@dataclass(frozen=True)
class Influence:
    """The influences on the hidden state after step `output`.

    Attributes:
        norms: (output + 1,) of d h_output / d x_k for each step k. 0 means that the gates cut the path, or that the
            number is too small for double precision.
        initial_state: norm of d h_output / d of all tensors of the state before step 0.
    """

    output: int
    norms: NDArray[np.float64]
    initial_state: float

    @property
    def memory_length(self) -> int | None:
        """The number of inputs, counted back from the output's, up to the earliest with 1 % of the greatest influence.

        1 if only the output's own input has so much. None if the input of step 0 has it, too: then the text is too
        short to tell. 0 if no input has any influence.
        """
        greatest = self.norms.max()
        if greatest == 0:
            return 0
        first = int(np.flatnonzero(self.norms >= FORGOTTEN * greatest)[0])
        return None if first == 0 else self.output - first + 1


def influence(network: Network, ids: Ids, output: int, clamps: Clamps, *, layer: int | None = None) -> Influence:
    """The influence of every input and of the initial state on the hidden state of a layer after step `output`.

    Args:
        ids: (steps,) more than `output`, `<bos>` included.
        clamps: made for this network and this number of steps.
        layer: default the last one.
    """
    text = _Text(network.double(), ids, clamps)
    states = text.states(output)
    norms = np.zeros(output + 1)
    rows = text.unit_rows(network.spec.layers - 1 if layer is None else layer)
    with np.errstate(all="ignore"):
        for step in range(output, -1, -1):
            of_input, rows = text.differentiate(step, states[step], states[step + 1], rows)
            norms[step] = 0 if of_input is None else np.linalg.norm(of_input)
            if not any(each is not None and each.any() for of_layer in rows for each in of_layer):
                break  # the path is cut: everything before has no influence at all
        known = [each.ravel() for of_layer in rows for each in of_layer if each is not None]
        initial = float(np.linalg.norm(np.concatenate(known))) if known else 0.0
    return Influence(output, norms, initial)


class _Text:
    """A network in double precision, and the text that it reads."""

    def __init__(self, network: Network, ids: Ids, clamps: Clamps) -> None:
        self._network, self._clamps, self._between = network, clamps, Between(network)
        self._inputs = network.entering(ids)
        self._layers = [Differentiated(layer) for layer in network.layers]

    def states(self, output: int) -> list[NetworkState]:
        """The states before step 0, and after each step up to `output`."""
        states = [self._network.initial_state(1)]
        for step in range(output + 1):
            x, after = self._inputs[step : step + 1], []
            for number, (layer, before) in enumerate(zip(self._network.layers, states[-1], strict=True)):
                read = self._network.normalized(number, x)
                after.append(layer.update(layer.project(read), before, self._clamps.at(step, number)))
                x = self._network.joined(number, read, x, after[-1][0])
            states.append(tuple(after))
        return states

    def unit_rows(self, layer: int) -> list[Rows]:
        """d h / d state, for h of this layer: the identity there; nothing elsewhere."""
        found: list[Rows] = [[None] * len(each.states) for each in self._network.layers]
        found[layer][0] = np.eye(self._network.layers[layer].hidden)
        return found

    def differentiate(
        self, step: int, before: NetworkState, after: NetworkState, rows: Sequence[Rows]
    ) -> tuple[Array | None, list[Rows]]:
        """Take the Jacobian `rows`, (rows, hidden) for each tensor of the state after `step`, back through the step.

        Returns:
            The Jacobian of the input (rows, width), and those of the state before the step. None is 0.
        """
        found: list[Rows] = []
        passed = self._passed(self._inputs[step : step + 1], after)
        above: Array | None = None  # derivatives by the value that the layer sends up
        for number in reversed(range(len(self._layers))):
            here = passed[number]
            of_read, of_below, of_output = self._between.through_connection(number, here, above)
            wanted = list(rows[number])
            wanted[0] = added(wanted[0], of_output)
            clamps = self._clamps.at(step, number), self._clamps.held(step, number)
            of_layer, of_state = self._layers[number].back(here.read, before[number], wanted, *clamps)
            found.insert(0, of_state)
            above = added(of_below, self._between.through_norm(number, here, added(of_read, of_layer)))
        return above, found

    def _passed(self, x: Array, after: NetworkState) -> list[Passed]:
        """The values that pass through each layer in a step."""
        found = []
        for number, (output, *_) in enumerate(after):
            read = self._network.normalized(number, x)
            found.append(Passed(x, read, output))
            x = self._network.joined(number, read, x, output)
        return found
