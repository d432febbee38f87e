"""The native engine: a member's parameters, gradient and optimizer state are flat arrays that C++ works on."""

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from gatelab.errors import Interrupted
from gatelab.scan.native import Layout, Library, Program, Unavailable, load
from gatelab.scan.native.compile import code_of
from gatelab.scan.native.interface import Member as NativeMember
from gatelab.scan.native.interface import Update
from gatelab.scan.native.program import Floats, address, untied
from gatelab.specs.cells import CellSpec
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import Precision
from gatelab.text.windows import Windows
from gatelab.training.devices import Device
from gatelab.training.engines.base import Array, Engine, Member, Read, Reading, State
from gatelab.training.engines.flat import FlatOptimizer

LIGHT = 2_000_000
"""Floating-point operations below which a thread costs more than it gains."""


class NativeEngine(Engine):
    """Trains on the CPU. All members in one call, each bit-identical to itself alone.

    Raises:
        Unavailable: the native engine cannot be used.
    """

    name = "native"

    def __init__(self, members: Sequence[Member], device: Device = "cpu", threads: int | None = None) -> None:
        super().__init__(members, device, threads)
        first = members[0]
        self._layout = first.layout
        self._program = program_of(first.spec, first.vocabulary, self._layout, first.training.precision)
        self._weights = [Weights(m) for m in members]
        self._square_norms = [0.0 for _ in members]
        self._interrupted = ctypes.c_int32(0)
        self._optimizers = [
            FlatOptimizer(m.training, m.parameters, weights.gradient, self._layout)
            for m, weights in zip(members, self._weights, strict=True)
        ]

    @classmethod
    def obstacle(cls, device: Device, precision: Precision, cell: CellSpec | None = None) -> str | None:
        if device != "cpu":
            return f"the native engine trains on the CPU, the device is {device}"
        try:
            library = load()
        except Unavailable as reason:
            return f"the native engine is not available: {reason}"
        if precision not in library.precisions:
            # Checked before a compiler would work in vain.
            return f"the native engine has no {precision} on this processor (its build is for {library.instructions})"
        try:
            if cell is not None:
                code_of(cell.representation, library, precision)
        except Unavailable as reason:
            return f"the native engine cannot train this: {reason}"
        return None

    def use(self, library: Library) -> None:
        """Compute with another build."""
        self._program.use(library)

    def differentiate(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        return self._run(readings, differentiate=True)

    def gradient(self, member: int) -> dict[str, Array]:
        return self._layout.arrays(self._weights[member].gradient.copy())

    def read(self, readings: Mapping[int, Reading]) -> dict[int, Read]:
        return self._run(readings, differentiate=False)

    def interrupt(self) -> None:
        self._interrupted.value = 1

    def update(self, members: Sequence[int], rates: Sequence[float] = ()) -> None:
        updates = [
            update
            for member, rate in zip(members, self.rates(members, rates), strict=True)
            for update in self._optimizers[member].next(rate, self._square_norms[member])
        ]
        self._program.library.update((Update * len(updates))(*updates))

    def optimizer_state(self, member: int) -> dict[str, Array]:
        return self._optimizers[member].state()

    def restore_optimizer(self, member: int, state: Mapping[str, Array]) -> None:
        self._optimizers[member].restore(state)

    def evaluate(self, texts: Mapping[int, Windows]) -> dict[int, float]:
        # All windows at once, since a tile of rows needs no more memory for it.
        whole = {
            member: Reading(windows, np.arange(len(windows.starts)))
            for member, windows in texts.items()
            if not windows.carried
        }
        losses = {member: read.loss / read.tokens for member, read in self.read(whole).items()} if whole else {}
        return losses | super().evaluate({m: w for m, w in texts.items() if w.carried})

    def _run(self, readings: Mapping[int, Reading], *, differentiate: bool) -> dict[int, Read]:
        spec = self.members[0].spec
        calls = [_Reading(self._program, reading, spec) for reading in readings.values()]
        natives = (NativeMember * len(calls))()
        for native, call, member in zip(natives, calls, readings, strict=True):
            call.describe(native)
            self._weights[member].describe(native, differentiate=differentiate)
        work = sum(call.rows * call.steps for call in calls) * self._layout.length * (6 if differentiate else 2)
        self._read(natives, max(1, min(self.threads, work // LIGHT)))
        reads = {}
        for native, call, member in zip(natives, calls, readings, strict=True):
            reads[member] = Read(native.loss, native.tokens, call.state_after())
            if differentiate:
                self._square_norms[member] = self._weights[member].gathered(native.square_norm)
        return reads

    def _read(self, natives: "ctypes.Array[NativeMember]", threads: int) -> None:
        """
        Raises:
            Interrupted: as requested. No member has changed, and the next reading is not affected.
        """
        try:
            self._program.read(natives, threads, self._interrupted)
        except Interrupted:
            self._interrupted.value = 0
            raise


class Weights:
    """A member's parameters and their gradient, as flat arrays for C++.

    C++ supports only a separate head. If the head is tied to the embedding, a copy of the embedding is made before each
    reading, and the copy's gradient is added to the embedding's.

    Attributes:
        gradient: (parameters,) the gradient of the member's own parameters.
    """

    def __init__(self, member: Member) -> None:
        spec, own, vocabulary = member.spec, member.layout, member.vocabulary
        whole = untied(own, spec.widths[-1], vocabulary)
        self._parameters: Floats = member.parameters
        self._whole_gradient = np.zeros(whole.length, np.float32)
        self.gradient = self._whole_gradient[: own.length]
        self._tied = spec.tied
        if spec.tied:
            self._own, self._parameters = member.parameters, np.empty(whole.length, np.float32)
            arrays, gradients = whole.arrays(self._parameters), whole.arrays(self._whole_gradient)
            self._head, self._embedding = arrays["weight_head"], arrays["embedding"]
            self._of_head, self._of_embedding = gradients["weight_head"], gradients["embedding"]

    def describe(self, native: NativeMember, *, differentiate: bool) -> None:
        if self._tied:
            self._parameters[: len(self._own)] = self._own
            self._head[...] = self._embedding.T
        native.parameters = address(self._parameters)
        native.gradient = address(self._whole_gradient if differentiate else None)

    def gathered(self, square_norm: float) -> float:
        """The sum of the squares of the gradient, once C++ has written it and found this one."""
        if not self._tied:
            return square_norm
        self._of_embedding += self._of_head.T
        return float(np.square(self.gradient, dtype=np.float64).sum())


class _Reading:
    """One member's reading in the arrays that the native engine takes. They live as long as this."""

    def __init__(self, program: Program, reading: Reading, spec: ModelSpec) -> None:
        windows, which = reading.windows, reading.which
        self._ids = windows.ids
        self._starts, self._ends = windows.starts[which], windows.ends[which]
        self.rows, self.steps = len(self._starts), int((self._ends - self._starts).max())
        shape = program.state_shape(self.rows)
        self._before = None if reading.state is None else np.array(reading.state, np.float32).reshape(shape)
        self._after = np.empty(shape, np.float32) if windows.carried else None
        self._dropout: Floats | None = None
        if reading.dropout is not None:
            factors = (reading.dropout.outputs(spec, layer, self.steps, self.rows) for layer in range(spec.layers))
            masks = [of_layer for of_layer in factors if of_layer is not None]
            self._dropout = np.stack(masks) if masks else None

    def describe(self, native: NativeMember) -> None:
        native.ids, native.length = address(self._ids), len(self._ids)
        native.starts, native.ends = address(self._starts), address(self._ends)
        native.rows, native.steps = self.rows, self.steps
        native.state_in, native.state_out = address(self._before), address(self._after)
        native.dropout = address(self._dropout)

    def state_after(self) -> State:
        return () if self._after is None else tuple(map(tuple, self._after))


def program_of(spec: ModelSpec, vocabulary: int, layout: Layout, precision: Precision = "fp32") -> Program:
    """
    Raises:
        Unavailable: the native engine cannot be used.
    """
    embedding = 0 if spec.input == "one_hot" else spec.input.embedding
    whole = untied(layout, spec.widths[-1], vocabulary)
    return Program(load(), spec.cell, spec.layers, vocabulary, embedding, whole, precision)
