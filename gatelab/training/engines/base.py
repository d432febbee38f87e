"""The interface of engines: read windows with the models of a pack, differentiate, update.

An engine works on one or more members: models of equal shape, each with its own weights, data, optimizer values and
position. The results of a member do not depend on the other members. Inputs and outputs are NumPy arrays; an engine's
library is imported with the engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from gatelab.architecture import parameter_shapes
from gatelab.dropout import Dropout
from gatelab.machine import cores
from gatelab.scan.native import Layout, layout_of
from gatelab.specs.cells import CellSpec
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import Precision, TrainingSpec
from gatelab.text.tokenizers import Ids
from gatelab.text.windows import Windows
from gatelab.training.devices import Device

EngineName = Literal["torch", "native", "triton"]

Array = NDArray[Any]

State = tuple[tuple[Array, ...], ...]
"""The tensors of each layer's state, each (batch, hidden)."""


@dataclass(frozen=True)
class Member:
    """A model and how it is trained.

    Attributes:
        spec, vocabulary: the model's architecture.
        training: how it is trained.
        parameters: (parameters,) all of them, one tensor after the other in the order of `parameter_shapes`. The array
            belongs to the engine, which on the CPU trains it in place.
    """

    spec: ModelSpec
    vocabulary: int
    training: TrainingSpec
    parameters: Array

    @classmethod
    def starting_with(
        cls, weights: Mapping[str, Array], spec: ModelSpec, vocabulary: int, training: TrainingSpec
    ) -> "Member":
        """A member with weights of these names, which are copied."""
        layout = layout_of(parameter_shapes(spec, vocabulary))
        return cls(spec, vocabulary, training, layout.flat(weights))

    @cached_property
    def layout(self) -> Layout:
        """The place of each tensor in the parameters."""
        return layout_of(parameter_shapes(self.spec, self.vocabulary))


@dataclass(frozen=True)
class Reading:
    """Windows that a member reads side by side.

    Attributes:
        windows: the windows of the text.
        which: (batch,) the numbers of those that are read, in this order.
        state: the state before the first step; None is the initial state.
        dropout: the masks of a training step; None in evaluation.
    """

    windows: Windows
    which: Ids
    state: State | None = None
    dropout: Dropout | None = None


@dataclass(frozen=True)
class Read:
    """The results of a reading.

    Attributes:
        loss: sum of the cross entropy over the scored targets, in nats.
        tokens: number of scored targets.
        state: the state after the last step, in its own memory; empty unless the windows are carried.
    """

    loss: float
    tokens: int
    state: State = ()


class Engine(ABC):
    """Trains the members of a pack, which are named by their index.

    Args:
        threads: of the CPU; default `gatelab.machine.cores`.
    """

    name: ClassVar[EngineName]

    def __init__(self, members: Sequence[Member], device: Device = "cpu", threads: int | None = None) -> None:
        self.members, self.device, self.threads = members, device, threads or cores()

    @classmethod
    @abstractmethod
    def obstacle(cls, device: Device, precision: Precision, cell: CellSpec | None = None) -> str | None:
        """Why this engine cannot train on `device` in `precision`, or this cell, or None if it can."""

    @abstractmethod
    def differentiate(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        """Read, and keep each member's gradient of its mean loss for `update`."""

    @abstractmethod
    def gradient(self, member: int) -> dict[str, Array]:
        """The gradient that is kept for a member, before clipping, by the names of the parameters."""

    @abstractmethod
    def update(self, members: Sequence[int], rates: Sequence[float] = ()) -> None:
        """Clip the gradient kept for each of these members and take one step of its optimizer.

        Args:
            rates: the learning rate of each of them in this step; by default that of its spec.
        """

    def rates(self, members: Sequence[int], rates: Sequence[float]) -> Sequence[float]:
        """The learning rates of these members, those of their specs where none are given."""
        return rates or [self.members[member].training.optimizer.lr for member in members]

    @abstractmethod
    def read(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        """Read without a gradient."""

    def parameters(self, member: int) -> dict[str, Array]:
        """A member's parameters as they are now, by their names. The next `update` may change them."""
        return self.members[member].layout.arrays(self.flat(member))

    def flat(self, member: int) -> Array:
        """The parameters in the form of `Member.parameters`."""
        return self.members[member].parameters

    def interrupt(self) -> None:  # noqa: B027 - an engine need not be able to do it
        """End the current reading, or the next one, early with `Interrupted`. Another thread may call this.

        An engine that cannot do so finishes the reading.
        """

    @abstractmethod
    def optimizer_state(self, member: int) -> dict[str, Array]:
        """A copy of the state of a member's optimizer, named as by `optimizers.optimizer_state`."""

    @abstractmethod
    def restore_optimizer(self, member: int, state: Mapping[str, Array]) -> None:
        """Load a state into a member's optimizer that `optimizer_state` of any engine returned."""

    def evaluate(self, texts: Mapping[int, Windows]) -> dict[int, float]:
        """The mean loss of each member on a text, in nats per token."""
        return {member: self._evaluate(member, windows) for member, windows in texts.items()}

    def _evaluate(self, member: int, windows: Windows) -> float:
        loss, tokens, state = 0.0, 0, None
        for which in windows.in_order():
            read = self.read({member: Reading(windows, which, state)})[member]
            loss, tokens, state = loss + read.loss, tokens + read.tokens, read.state or None
        return loss / tokens
