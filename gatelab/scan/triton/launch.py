"""Starts the scan's kernels, in either form, on arrays with the layout of `kernels.tiles`."""

from dataclasses import dataclass
from typing import Any, Literal

import triton
from torch import Tensor
from triton.runtime import driver

from gatelab.scan.triton.code import Code
from gatelab.scan.triton.products import DOT
from gatelab.specs.training import Precision

Form = Literal["persistent", "stepwise"]

ROWS = 16
"""Sequences that one program computes: the fewest that fill a tile of tl.dot."""

COLUMNS = 32
"""Columns that one program computes if it needs no others."""

REGISTERS = 65_536
"""Per multiprocessor, from compute capability 3.0 on (CUDA C++ Programming Guide, technical specifications)."""


@dataclass(frozen=True)
class Scanned:
    """A scan's cell and arrays. A forward launch fills history (but its first entry), kept and operands.

    Attributes:
        sizes: members, steps, batch, hidden.
    """

    code: Code
    sizes: tuple[int, int, int, int]
    weight: Tensor | None
    vectors: Tensor | None
    history: Tensor
    kept: Tensor
    operands: Tensor
    precision: Precision = "fp32"


@dataclass(frozen=True)
class Gradients:
    """A backward launch fills dsums, adds to dvectors, and turns dstate of the last state into that of the first."""

    doutputs: Tensor
    dstate: Tensor
    dsums: Tensor
    dvectors: Tensor


def padded(hidden: int) -> int:
    """The columns of a persistent kernel: a power of two, and at least the smallest size of tl.dot."""
    return max(16, int(triton.next_power_of_2(hidden)))


def on_chip_bytes(code: Code, hidden: int, itemsize: int) -> int:
    """Shared memory that a persistent kernel takes: each recurrent matrix, the left side of its product, and a tile."""
    width, products = padded(hidden), len(code.layout.products)
    return (products * (width + ROWS) + ROWS) * width * itemsize if products else 0


def choose_form(code: Code, state: Tensor) -> Form:
    """Persistent if the recurrent weights fit in the shared memory of a multiprocessor; any fit in the interpreter."""
    if state.device.type != "cuda":
        return "persistent"
    there = driver.active.utils.get_device_properties(state.device.index)["max_shared_mem"]
    return "persistent" if on_chip_bytes(code, state.shape[-1], state.itemsize) <= there else "stepwise"


def forward(form: Form, scanned: Scanned, u: Tensor, ids: Tensor | None, bias: Tensor | None) -> None:
    """Run all steps from history's first entry on."""
    s, kernels = scanned, scanned.code.kernels
    _, steps, batch, hidden = s.sizes
    vocabulary = 0 if ids is None else u.shape[1]
    arrays = u, ids, s.weight, bias, s.vectors, s.history, s.kept, s.operands
    how = {"gathered": ids is not None} | _tiles(form, s)
    grid = _grid(s, how["width"])
    if form == "persistent":
        kernels["persistent_forward"][grid](*arrays, steps, batch, hidden, vocabulary, **how)
        return
    for t in range(steps):
        for phase in range(s.code.layout.plan.phases):
            kernels[f"forward_{phase}"][grid](*arrays, t, steps, batch, hidden, vocabulary, **how)


def backward(form: Form, scanned: Scanned, gradients: Gradients) -> None:
    """Go back through all steps to the gradients of the sums, the vectors and the first state."""
    s, g, layout = scanned, gradients, scanned.code.layout
    _, steps, batch, hidden = sizes = s.sizes
    how = _tiles(form, s)
    grid = _grid(s, how["width"])
    dafter = crossing = None
    if form == "stepwise":
        dafter = g.dstate.new_empty(g.dstate.shape) if layout.keeps_gradient_of_after else None
        crossing = g.dstate.new_empty(sizes[0], batch, len(layout.schedule.crossing) * hidden)
    arrays = s.weight, s.vectors, s.history, s.kept, g.doutputs, g.dstate, dafter, crossing, g.dsums, g.dvectors
    if form == "persistent":
        s.code.kernels["persistent_backward"][grid](*arrays, steps, batch, hidden, **how)
        return
    last, *others = (s.code.kernels[f"backward_{phase}"] for phase in reversed(range(layout.plan.phases)))
    for t in range(steps, -1, -1):
        last[grid](*arrays, t, steps, batch, hidden, **how)
        for kernel in others if t else ():
            kernel[grid](*arrays, t - 1, steps, batch, hidden, **how)


def _tiles(form: Form, s: Scanned) -> dict[str, Any]:
    tiles: dict[str, Any] = {"rows": ROWS, "precision": DOT[s.precision], "num_stages": 1, "num_warps": 4}
    if form == "stepwise" or not s.code.layout.products:
        return tiles | {"width": COLUMNS}
    width = padded(s.sizes[3])
    warps = min(max(width // 4, 4), 16)
    # Without this, ptxas takes 32 registers for some of these kernels and spills thousands of bytes.
    return tiles | {"width": width, "num_warps": warps, "maxnreg": min(255, REGISTERS // (32 * warps))}


def _grid(s: Scanned, width: int) -> tuple[int, int, int]:
    members, _, batch, hidden = s.sizes
    return triton.cdiv(batch, ROWS), triton.cdiv(hidden, width), members
