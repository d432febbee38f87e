"""One layer of a network: a cell's equations with weights."""

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
        zoneout: the share of its old value that every number of the state keeps in a step.
        initial: the state before a text, (hidden,) for each of its tensors; zeros by default.

    Attributes:
        inputs: the size of its input.
        states, gates: their names; the first state is the output.
    """

    def __init__(
        self,
        representation: Representation,
        weights: Mapping[str, Array],
        hidden: int,
        zoneout: float = 0.0,
        initial: State = (),
    ) -> None:
        self.representation, self.weights, self.hidden = representation, weights, hidden
        self.zoneout, self._initial = zoneout, initial
        self.states, self.gates = representation.states, tuple(representation.gates)
        self._reads = representation.input_products
        self._matrix = np.concatenate([weights[name] for name in self._reads], axis=1)
        self.inputs, self.dtype = len(self._matrix), self._matrix.dtype
        self._evaluation = Evaluation(representation.nodes, weights)

    def initial_state(self, rows: int) -> State:
        if not self._initial:
            return tuple(np.zeros((rows, self.hidden), self.dtype) for _ in self.states)
        return tuple(np.repeat(vector[None], rows, axis=0) for vector in self._initial)

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
            after = tuple(np.broadcast_to(values[place], state[0].shape) for place in self.representation.after)
            if not self.zoneout:
                return after
            kept = self.zoneout
            return tuple(kept * old + (1 - kept) * new for old, new in zip(state, after, strict=True))

    def given(self, u: Array, state: State) -> tuple[dict[str, Array], dict[str, Array]]:
        """The products with the input and the states, by their names."""
        parts = (u[:, number * self.hidden : (number + 1) * self.hidden] for number in range(len(self._reads)))
        return dict(zip(self._reads, parts, strict=True)), dict(zip(self.states, state, strict=True))
