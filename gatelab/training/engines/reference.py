"""The reference engine: the model as it is written, differentiated and optimized by PyTorch, on any device."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from gatelab.model import LanguageModel, array_of, tensors_of
from gatelab.specs.cells import CellSpec
from gatelab.specs.training import Precision
from gatelab.training.devices import Device
from gatelab.training.engines.base import Array, Engine, Member, Read, Reading
from gatelab.training.engines.rounding import RoundedProducts
from gatelab.training.optimizers import build_optimizer, optimizer_state, restore_optimizer
from gatelab.training.reference import tensors, total_loss


class TorchEngine(Engine):
    """Trains members one after the other. It defines the results of the other engines.

    It computes in the precision of the members' parameters. It sets PyTorch's number of threads, which is one number
    for the whole process.
    """

    name = "torch"

    def __init__(self, members: Sequence[Member], device: Device = "cpu", threads: int | None = None) -> None:
        super().__init__(members, device, threads)
        torch.set_num_threads(self.threads)
        self.models = [_model_of(member).to(device) for member in members]
        self._optimizers = [
            build_optimizer(member.training.optimizer, model.parameters())
            for member, model in zip(members, self.models, strict=True)
        ]

    @classmethod
    def obstacle(
        cls,
        device: Device,  # noqa: ARG003
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

    def gradient(self, member: int) -> dict[str, Array]:
        parameters = self.models[member].named_parameters()
        return {name: array_of(torch.zeros_like(p) if p.grad is None else p.grad) for name, p in parameters}

    def update(self, members: Sequence[int], rates: Sequence[float] = ()) -> None:
        for member, rate in zip(members, self.rates(members, rates), strict=True):
            model, training = self.models[member], self.members[member].training
            if training.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
            for group in self._optimizers[member].param_groups:
                group["lr"] = rate
            self._optimizers[member].step()

    @torch.inference_mode()
    def read(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        return {member: self._read(member, reading)[1] for member, reading in readings.items()}

    def _read(self, member: int, reading: Reading) -> tuple[Tensor, Read]:
        model, windows = self.models[member], reading.windows
        batch = windows.pick(reading.which)
        inputs, targets = tensors(batch, self.device)
        before = model.initial_state(inputs.shape[1])
        if reading.state is not None:
            before = tuple(
                tuple(like.new_tensor(array) for array, like in zip(layer, zeros, strict=True))
                for layer, zeros in zip(reading.state, before, strict=True)
            )
        with self._precision(member):
            logits, after = model(inputs, before, reading.dropout)
        loss = total_loss(logits, targets)
        state = tuple(tuple(map(array_of, layer)) for layer in after) if windows.carried else ()
        return loss, Read(loss.item(), batch.tokens, state)

    def _precision(self, member: int) -> AbstractContextManager[object]:
        if self.members[member].training.precision == "fp32":
            return nullcontext()
        # The first layer's input is one-hot or an embedding of as few tokens. Its product becomes a table, so
        # rounding would save nothing.
        return RoundedProducts(exact=self.models[member].cell(0).input_weights)

    def flat(self, member: int) -> Array:
        if self.device == "cpu":
            return super().flat(member)
        return self.members[member].layout.flat(
            {name: array_of(parameter) for name, parameter in self.models[member].named_parameters()}
        )

    def optimizer_state(self, member: int) -> dict[str, Array]:
        return {name: array_of(value) for name, value in optimizer_state(self._optimizers[member]).items()}

    def restore_optimizer(self, member: int, state: Mapping[str, Array]) -> None:
        restore_optimizer(self._optimizers[member], tensors_of(state))


def _model_of(member: Member) -> LanguageModel:
    """The model of a member, whose parameters are views of the member's."""
    model = LanguageModel(member.spec, member.vocabulary)
    for name, values in member.layout.arrays(member.parameters).items():
        model.get_parameter(name).data = torch.from_numpy(values)
    return model
