"""The reference engine: the model as it is written, differentiated and optimised by PyTorch, on any device."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from gatelab.specs.cells import CellSpec
from gatelab.specs.training import Precision
from gatelab.training.engines.base import Engine, Member, Read, Reading
from gatelab.training.engines.rounding import RoundedProducts
from gatelab.training.evaluation import tensors, total_loss
from gatelab.training.optimizers import build_optimizer, optimizer_state, restore_optimizer


class TorchEngine(Engine):
    """Members one after the other. It defines what the other engines must compute."""

    name = "torch"

    def __init__(self, members: Sequence[Member], device: torch.device) -> None:
        super().__init__(members, device)
        for member in members:
            member.model.to(device)
        self._optimizers = [build_optimizer(m.training.optimizer, m.model.parameters()) for m in members]

    @classmethod
    def obstacle(
        cls,
        device: torch.device,  # noqa: ARG003
        precision: Precision,  # noqa: ARG003
        cell: CellSpec | None = None,  # noqa: ARG003
    ) -> str | None:
        return None

    def differentiate(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        return {member: self._differentiate(member, reading) for member, reading in readings.items()}

    def _differentiate(self, member: int, reading: Reading) -> Read:
        loss, read = self._read(member, reading)
        self._optimizers[member].zero_grad(set_to_none=True)
        torch.autograd.backward(loss / read.tokens)
        return read

    def gradient(self, member: int) -> dict[str, Tensor]:
        parameters = self.members[member].model.named_parameters()
        return {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in parameters}

    def update(self, members: Sequence[int]) -> None:
        for member in members:
            model, training = self.members[member].model, self.members[member].training
            if training.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
            self._optimizers[member].step()

    @torch.inference_mode()
    def read(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        return {member: self._read(member, reading)[1] for member, reading in readings.items()}

    def _read(self, member: int, reading: Reading) -> tuple[Tensor, Read]:
        model, windows = self.members[member].model, reading.windows
        batch = windows.pick(reading.which)
        inputs, targets = tensors(batch, self.device)
        before = model.initial_state(inputs.shape[1]) if reading.state is None else reading.state
        with self._precision(member):
            logits, after = model(inputs, before, reading.dropout)
        loss = total_loss(logits, targets)
        state = tuple(tuple(t.detach() for t in layer) for layer in after) if windows.carried else ()
        return loss, Read(loss.item(), batch.tokens, state)

    def _precision(self, member: int) -> AbstractContextManager[object]:
        model, training = self.members[member].model, self.members[member].training
        if training.precision == "fp32":
            return nullcontext()
        # The first layer's input is one-hot or an embedding of as few different tokens: what it is multiplied with
        # becomes a table, in which nothing is to be gained.
        return RoundedProducts(exact=model.cell(0).input_weights)

    def optimizer_state(self, member: int) -> dict[str, Tensor]:
        return {name: value.cpu() for name, value in optimizer_state(self._optimizers[member]).items()}

    def restore_optimizer(self, member: int, state: Mapping[str, Tensor]) -> None:
        restore_optimizer(self._optimizers[member], state)
