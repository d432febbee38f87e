"""The Triton engine: all members of a pack in the same launches, on an NVIDIA GPU."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import torch

from gatelab.specs.cells import CellSpec
from gatelab.specs.training import Precision
from gatelab.text.tokenizers import Ids
from gatelab.text.windows import Windows
from gatelab.training.devices import Device
from gatelab.training.engines.base import Array, Engine, Member, Read, Reading, State
from gatelab.training.engines.stacked.parameters import Stacks
from gatelab.training.engines.stacked.readings import by_shape


class TritonEngine(Engine):
    """Members in one batched computation; those whose batches have the same shape are computed together.

    A member's losses, gradients and updates have the same bits alone and beside others, and from run to run on the
    same GPU: its sums are added in an order that depends on its own sizes alone (see `scan.triton.kernels.products`),
    and everything else is elementwise. They differ from the reference's by rounding.

    Raises:
        ValueError: the members' models differ in shape.
    """

    name = "triton"

    def __init__(self, members: Sequence[Member], device: Device = "cuda", threads: int | None = None) -> None:
        # Imported here, so that a machine without a GPU neither needs Triton nor waits for its import.
        from gatelab.scan.triton import Replayed
        from gatelab.training.engines.stacked.model import StackedModel
        from gatelab.training.engines.stacked.optimizers import StackedOptimizers

        super().__init__(members, device, threads)
        self._stacks = Stacks(members, torch.device(device))
        self._optimizers = StackedOptimizers([m.training for m in members], self._stacks)
        model = StackedModel(members[0].spec, self._stacks, members[0].training.precision)
        self._read_all, self._differentiate_all = Replayed(model.read), Replayed(model.differentiate)

    @classmethod
    def obstacle(
        cls,
        device: Device,
        precision: Precision,
        cell: CellSpec | None = None,
    ) -> str | None:
        if device != "cuda":
            return f"the Triton engine needs an NVIDIA GPU, the device is {device}"
        if torch.version.cuda is None:
            return "the Triton engine needs a build of PyTorch for CUDA"
        if not torch.cuda.is_available():
            return "PyTorch finds no NVIDIA GPU"
        if find_spec("triton") is None:
            return "the package triton is not installed"
        from gatelab.scan.triton import why_not

        return None if cell is None else why_not(cell.representation, cell.hidden, precision, device)

    def differentiate(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        reads: dict[int, Read] = {}
        for group in by_shape(readings, self.members, self._stacks.device, self._stacks.dtype):
            losses, last, *gradients = self._differentiate_all(*group.arguments())
            self._stacks.keep(group.index, gradients)
            reads |= group.reads(losses, last)
        return reads

    def gradient(self, member: int) -> dict[str, Array]:
        return {name: stack[member].cpu().numpy().copy() for name, stack in self._stacks.gradients.items()}

    def update(self, members: Sequence[int], rates: Sequence[float] = ()) -> None:
        self._optimizers.update(dict(zip(members, self.rates(members, rates), strict=True)))

    @torch.no_grad()
    def read(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        reads: dict[int, Read] = {}
        for group in by_shape(readings, self.members, self._stacks.device, self._stacks.dtype):
            losses, last = self._read_all(*group.arguments())
            reads |= group.reads(losses, last)
        return reads

    def evaluate(self, texts: Mapping[int, Windows]) -> dict[int, float]:
        losses, tokens = dict.fromkeys(texts, 0.0), dict.fromkeys(texts, 0)
        states: dict[int, State | None] = dict.fromkeys(texts)
        batches = {member: list(windows.in_order()) for member, windows in texts.items()}
        for at in range(max(map(len, batches.values()), default=0)):
            here: dict[int, Ids] = {member: all_of[at] for member, all_of in batches.items() if at < len(all_of)}
            readings = {member: Reading(texts[member], which, states[member]) for member, which in here.items()}
            for member, read in self.read(readings).items():
                losses[member] += read.loss
                tokens[member] += read.tokens
                states[member] = read.state or None
        return {member: losses[member] / tokens[member] for member in texts}

    def flat(self, member: int) -> Array:
        return self.members[member].layout.flat(
            {name: stack[member].cpu().numpy() for name, stack in self._stacks.parameters.items()}
        )

    def optimizer_state(self, member: int) -> dict[str, Array]:
        return self._optimizers.state(member)

    def restore_optimizer(self, member: int, state: Mapping[str, Array]) -> None:
        self._optimizers.restore(member, state)
