"""The parameters of a pack: one tensor per name, with the members in front."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gatelab.training.engines.base import Array, Member


class Stacks:
    """Parameters and gradients of all members, in their own memory.

    Attributes:
        parameters: name -> (members, *shape), in the order of the model's parameters.
        gradients: likewise; the latest arguments of `keep`.

    Raises:
        ValueError: the models differ in shape.
    """

    def __init__(self, members: Sequence[Member], device: torch.device) -> None:
        if len({(m.spec.model_copy(update={"init": "default"}), m.vocabulary) for m in members}) > 1:
            raise ValueError("the models of a pack must have the same vocabulary, and the same spec except for init")
        self.members = len(members)
        self.device = device
        of_each: list[Mapping[str, Array]] = [member.layout.arrays(member.parameters) for member in members]
        self.parameters = {
            name: torch.stack([torch.from_numpy(tensors[name]) for tensors in of_each]).to(device)
            for name in of_each[0]
        }
        self.gradients = {name: torch.zeros_like(stack) for name, stack in self.parameters.items()}

    @property
    def dtype(self) -> torch.dtype:
        return next(iter(self.parameters.values())).dtype

    def keep(self, members: Tensor, gradients: Sequence[Tensor]) -> None:
        """Keep the gradients of some members, in the order of the parameters."""
        for stack, gradient in zip(self.gradients.values(), gradients, strict=True):
            stack.index_copy_(0, members, gradient)

    def index(self, members: Sequence[int]) -> Tensor:
        """Some members, in ascending order, in the form for `take`."""
        return torch.tensor(members, device=self.device)

    def take(self, stack: Tensor, members: Tensor) -> Tensor:
        """The rows of some members, in ascending order. For all of them it is the stack itself, not a copy."""
        return stack if len(members) == self.members else stack.index_select(0, members)

    def put(self, stack: Tensor, members: Tensor, value: Tensor) -> None:
        """Write back the result of `take` after a change."""
        if value is not stack:
            stack.index_copy_(0, members, value)
