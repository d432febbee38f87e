"""Starts the scan's kernels, in either form, on arrays that lie as `kernels.tiles` says."""

from dataclasses import dataclass
from typing import Any, Literal

import triton
from torch import Tensor
from triton.runtime import driver

from gatelab.scan.triton.equations import Equations
from gatelab.scan.triton.kernels import persistent, stepwise
from gatelab.scan.triton.kernels.tiles import BEFORE
from gatelab.scan.triton.products import DOT
from gatelab.specs.training import Precision

Form = Literal["persistent", "stepwise"]

ROWS = 16
"""Sequences that one program computes: the fewest that fill a tile of tl.dot."""

COLUMNS = 32
"""Columns that one program of a stepwise kernel computes."""

REGISTERS = 65_536
"""Per multiprocessor, from compute capability 3.0 on (CUDA C++ Programming Guide, technical specifications)."""


@dataclass(frozen=True)
class Scanned:
    """A scan's cell and arrays. A forward launch fills history (but its first entry), activations and inner."""

    cell: Equations
    weight: Tensor
    history: Tensor
    activations: Tensor
    inner: Tensor | None
    precision: Precision = "fp32"

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Steps, batch, hidden."""
        _, steps, batch, _ = self.activations.shape
        return steps, batch, self.history.shape[-1]

    @property
    def members(self) -> int:
        return self.activations.shape[0]


def padded(hidden: int) -> int:
    """The columns of a persistent kernel: a power of two, and at least what tl.dot takes."""
    return max(16, int(triton.next_power_of_2(hidden)))


def on_chip_bytes(cell: Equations, hidden: int, itemsize: int) -> int:
    """Shared memory that a persistent kernel takes: each recurrent matrix, and the left side of its product."""
    width = padded(hidden)
    return cell.blocks * (width + ROWS) * width * itemsize


def choose_form(cell: Equations, weight: Tensor) -> Form:
    """Persistent if the recurrent weights fit in the shared memory of a multiprocessor; any fit in the interpreter."""
    if weight.device.type != "cuda":
        return "persistent"
    there = driver.active.utils.get_device_properties(weight.device.index)["max_shared_mem"]
    return "persistent" if on_chip_bytes(cell, weight.shape[1], weight.itemsize) <= there else "stepwise"


def forward(form: Form, scanned: Scanned, u: Tensor, ids: Tensor | None, bias: Tensor | None) -> None:
    """Run all steps from history's first entry on."""
    s, cell = scanned, scanned.cell
    steps, batch, hidden = s.sizes
    vocabulary = 0 if ids is None else u.shape[1]
    how = {"blocks": cell.blocks, "gathered": ids is not None} | _tiles(form, s)
    whole = {"pointwise": cell.forward, "tensors": cell.tensors, "reset": cell.reset}
    sizes = steps, batch, hidden, vocabulary
    if form == "persistent":
        persistent.forward[_rows(s)](u, ids, s.weight, bias, s.history, s.activations, s.inner, *sizes, **how, **whole)
        return
    for t in range(steps):
        if cell.reset == BEFORE.value:
            stepwise.reset_forward[_tiled(s)](u, ids, s.weight, s.history, s.activations, s.inner, t, *sizes, **how)
        stepwise.forward[_tiled(s)](
            u, ids, s.weight, bias, s.history, s.activations, s.inner, t, *sizes, **how, **whole
        )


def backward(form: Form, scanned: Scanned, doutputs: Tensor, dstate: Tensor, du: Tensor, dinner: Tensor | None) -> None:
    """Fill du and dinner, and turn `dstate`, the gradient of the last state, into that of the first."""
    s, cell = scanned, scanned.cell
    sizes = s.sizes
    how = {"blocks": cell.blocks} | _tiles(form, s)
    whole = {"pointwise": cell.backward, "tensors": cell.tensors, "reset": cell.reset}
    arrays = s.weight, s.history, s.activations, s.inner, doutputs, dstate, du, dinner
    if form == "persistent":
        persistent.backward[_rows(s)](*arrays, *sizes, **how, **whole)
        return
    for t in range(sizes[0], -1, -1):
        stepwise.backward[_tiled(s)](*arrays, t, *sizes, **how, **whole)
        if t and cell.reset == BEFORE.value:
            stepwise.reset_backward[_tiled(s)](s.weight, s.history, s.activations, dstate, du, t - 1, *sizes, **how)


def _tiles(form: Form, s: Scanned) -> dict[str, Any]:
    tiles: dict[str, Any] = {"rows": ROWS, "precision": DOT[s.precision], "num_stages": 1, "num_warps": 4}
    if form == "stepwise":
        return tiles | {"columns": COLUMNS}
    width = padded(s.sizes[2])
    warps = min(max(width // 4, 4), 16)
    # Left to itself ptxas takes 32 registers for some of these kernels and spills thousands of bytes.
    return tiles | {"width": width, "num_warps": warps, "maxnreg": min(255, REGISTERS // (32 * warps))}


def _rows(scanned: Scanned) -> tuple[int, int]:
    return triton.cdiv(scanned.sizes[1], ROWS), scanned.members


def _tiled(scanned: Scanned) -> tuple[int, int, int]:
    _, batch, hidden = scanned.sizes
    return triton.cdiv(batch, ROWS), triton.cdiv(hidden, COLUMNS), scanned.members
