"""The readings of several members as one: those whose batches have the same shape are stacked in tensors."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gatelab.specs.model import ModelSpec
from gatelab.training.engines.base import Array, Member, Read, Reading, State
from gatelab.training.reference import tensors


def by_shape(
    readings: Mapping[int, Reading], members: Sequence[Member], device: torch.device, dtype: torch.dtype
) -> list["Group"]:
    """The readings in groups of one shape (steps, batch), members in ascending order."""
    states = len(members[0].spec.cell.representation.states)
    groups: dict[torch.Size, Group] = {}
    for number, reading in sorted(readings.items()):
        batch = reading.windows.pick(reading.which)
        inputs, targets = tensors(batch, device)
        group = groups.setdefault(inputs.shape, Group(device, dtype, states))
        group.add(number, members[number].spec, reading, batch.tokens, inputs, targets)
    return list(groups.values())


class Group:
    """Readings of one shape.

    Args:
        device, dtype: of the tensors for the computation.
        states: tensors in the state of a layer.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, states: int) -> None:
        self._device, self._dtype, self._states_of_a_layer = device, dtype, states
        self._numbers: list[int] = []
        self._tokens: list[int] = []
        self._carried: list[bool] = []
        self._texts: list[tuple[Tensor, Tensor]] = []
        self._states: list[Tensor] = []
        self._masks: list[list[Tensor]] = []

    def add(self, number: int, spec: ModelSpec, reading: Reading, tokens: int, inputs: Tensor, targets: Tensor) -> None:
        """Add the reading of member `number`; inputs and targets are (steps, batch)."""
        self._numbers.append(number)
        self._tokens.append(tokens)
        self._carried.append(reading.windows.carried)
        self._texts.append((inputs, targets))
        if reading.state is None:
            shape = spec.layers, self._states_of_a_layer, inputs.shape[1], spec.cell.hidden
            self._states.append(torch.zeros(shape, device=self._device, dtype=self._dtype))
        else:
            self._states.append(self._here(np.array(reading.state)))
        factors = _factors(spec, reading, inputs.shape)
        self._masks.append([self._here(of_layer) for of_layer in factors])

    def _here(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self._device, self._dtype)

    @property
    def index(self) -> Tensor:
        """(members,)"""
        return torch.tensor(self._numbers, device=self._device)

    def arguments(self) -> tuple[Tensor, ...]:
        """Everything that the model needs, in tensors.

        Returns:
            index and tokens (members,), ids and targets (members, steps, batch), state (layers, tensors, members,
            batch, hidden), and with dropout, for every layer, its mask (members, steps, batch, hidden).
        """
        inputs, targets = (torch.stack(texts) for texts in zip(*self._texts, strict=True))
        state = torch.stack(self._states, dim=2)
        masks = (torch.stack(masks) for masks in zip(*self._masks, strict=True))
        tokens = torch.tensor(self._tokens, device=self._device, dtype=state.dtype)
        return self.index, tokens, inputs, targets, state, *masks

    def reads(self, losses: Tensor, last: Tensor) -> dict[int, Read]:
        """The results of the readings: losses (members,), and the last state like that of `arguments`."""
        summed = losses.tolist()
        # Copied from the device only if they are used.
        states = last.cpu().numpy() if any(self._carried) else np.empty(0)
        return {
            number: Read(summed[at], self._tokens[at], _state(states[:, :, at]) if self._carried[at] else ())
            for at, number in enumerate(self._numbers)
        }


def _factors(spec: ModelSpec, reading: Reading, shape: Sequence[int]) -> list[Array]:
    """The dropout mask for the output of each layer, for inputs of this shape (steps, batch)."""
    if reading.dropout is None:
        return []
    factors = (reading.dropout.outputs(spec, layer, *shape) for layer in range(spec.layers))
    return [of_layer for of_layer in factors if of_layer is not None]


def _state(last: Array) -> State:
    """A state (layers, tensors, batch, hidden) in its own arrays."""
    return tuple(map(tuple, last.copy()))
