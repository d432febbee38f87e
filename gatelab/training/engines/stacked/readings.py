"""The readings of several members as one: those whose batches have the same shape lie side by side in tensors."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gatelab.model import LanguageModel, ModelState
from gatelab.training.engines.base import Member, Read, Reading
from gatelab.training.evaluation import tensors


def by_shape(readings: Mapping[int, Reading], members: Sequence[Member], device: torch.device) -> list["Group"]:
    """The readings in groups of one shape (steps, batch), members in ascending order."""
    groups: dict[torch.Size, Group] = {}
    for number, reading in sorted(readings.items()):
        batch = reading.windows.pick(reading.which)
        inputs, targets = tensors(batch, device)
        group = groups.setdefault(inputs.shape, Group(device))
        group.add(number, members[number].model, reading, batch.tokens, inputs, targets)
    return list(groups.values())


class Group:
    """Readings of one shape."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._numbers: list[int] = []
        self._tokens: list[int] = []
        self._carried: list[bool] = []
        self._texts: list[tuple[Tensor, Tensor]] = []
        self._states: list[Tensor] = []
        self._masks: list[list[Tensor]] = []

    def add(
        self, number: int, model: LanguageModel, reading: Reading, tokens: int, inputs: Tensor, targets: Tensor
    ) -> None:
        """Add the reading of member `number`; inputs and targets are (steps, batch)."""
        self._numbers.append(number)
        self._tokens.append(tokens)
        self._carried.append(reading.windows.carried)
        self._texts.append((inputs, targets))
        state = model.initial_state(inputs.shape[1]) if reading.state is None else reading.state
        self._states.append(torch.stack([torch.stack(layer) for layer in state]))
        self._masks.append(_masks(model, reading, inputs))

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
        """What came of the readings: losses (members,), last like the state of `arguments`."""
        summed = losses.tolist()
        return {
            number: Read(summed[at], self._tokens[at], _state(last[:, :, at]) if self._carried[at] else ())
            for at, number in enumerate(self._numbers)
        }


def _masks(model: LanguageModel, reading: Reading, inputs: Tensor) -> list[Tensor]:
    """What dropout multiplies the output of each layer by."""
    rate = model.spec.dropout
    if reading.dropout is None or rate == 0:
        return []
    shape = *inputs.shape, model.spec.cell.hidden
    layers = [reading.dropout.factors(shape, rate, layer) for layer in range(model.spec.layers)]
    return [torch.from_numpy(factors).to(model.bias_head) for factors in layers]


def _state(last: Tensor) -> ModelState:
    """A state (layers, tensors, batch, hidden) in tensors of its own."""
    return tuple(tuple(tensor.clone() for tensor in layer) for layer in last)
