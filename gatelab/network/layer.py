"""One layer of a network: a cell as its equations say, with weights."""

from collections.abc import Mapping

import numpy as np

from gatelab.equations import Representation
from gatelab.network.evaluation import Array, Evaluation, GateOverride

State = tuple[Array, ...]
"""The hidden state: arrays (rows, hidden). `state[0]` is the cell's output h."""


class Layer:
    """A cell with weights, in their precision.

    Args:
        representation: what it computes.
        weights: letter -> array.
        hidden: number of units.

    Attributes:
        inputs: the size of what it reads.
        states, gates: their names; the first state is the output.
    """

    def __init__(self, representation: Representation, weights: Mapping[str, Array], hidden: int) -> None:
        self.representation, self.weights, self.hidden = representation, weights, hidden
        self.states, self.gates = representation.states, tuple(representation.gates)
        self._reads = representation.input_products
        self._matrix = np.concatenate([weights[name] for name in self._reads], axis=1)
        self.inputs, self.dtype = len(self._matrix), self._matrix.dtype
        self._evaluation = Evaluation(representation.nodes, weights)

    def initial_state(self, rows: int) -> State:
        return tuple(np.zeros((rows, self.hidden), self.dtype) for _ in self.states)

    def project(self, x: Array) -> Array:
        """The products with the input, for all steps at once.

        Args:
            x: (..., inputs), or integer ids (...) that stand for one-hot rows.

        Returns:
            (..., products * hidden)
        """
        with np.errstate(all="ignore"):
            found: Array = self._matrix[x] if np.issubdtype(x.dtype, np.integer) else x @ self._matrix
        return found

    def update(self, u: Array, state: State, gates: GateOverride | None = None) -> State:
        """One step.

        Args:
            u: (rows, products * hidden), one step of `project`.
            state: the state before the step.
            gates: replaces the activation of the gates it names.

        Returns:
            The state after the step.
        """
        with np.errstate(all="ignore"):
            values = self._evaluation.values(*self.given(u, state), gates or {})
        return tuple(np.broadcast_to(values[place], state[0].shape) for place in self.representation.after)

    def given(self, u: Array, state: State) -> tuple[dict[str, Array], dict[str, Array]]:
        """The products with the input and the states, by their names."""
        parts = (u[:, number * self.hidden : (number + 1) * self.hidden] for number in range(len(self._reads)))
        return dict(zip(self._reads, parts, strict=True)), dict(zip(self.states, state, strict=True))
