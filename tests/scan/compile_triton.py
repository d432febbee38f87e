"""Compiles, for an NVIDIA GPU that need not be there, every kernel that the scan launches. A program of its own.

Arguments: the compute capability, such as 90. Prints each kernel and its bytes of shared memory.
"""

import sys
from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from gatelab.scan import triton
from gatelab.scan.triton import launch
from gatelab.specs import CellSpec, GruSpec, LstmSpec

MEMBERS, STEPS, BATCH, HIDDEN, VOCABULARY = 2, 1, 5, 16, 9
CELLS: tuple[CellSpec, ...] = (
    GruSpec(kind="gru", hidden=HIDDEN),
    GruSpec(kind="gru", hidden=HIDDEN, reset="after"),
    LstmSpec(kind="lstm", hidden=HIDDEN),
)
"""A cell for each structure of products and of state."""


class Compiler:
    """Stands in for the CUDA driver: says which GPU to compile for."""

    def __init__(self, capability: int) -> None:
        self._target = GPUTarget("cuda", capability, warp_size=32)

    def get_current_target(self) -> GPUTarget:
        return self._target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def launch_nothing() -> None:
    """Make every launch end when its kernel is compiled."""
    run = JITFunction.run

    def compile_only(self: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        kernel = run(self, *arguments, grid=grid, warmup=True, **options)
        print(self.__module__.rsplit(".", 1)[1], self.__name__, kernel.metadata.shared)
        return kernel

    JITFunction.run = compile_only


def scan_both_ways(spec: CellSpec) -> None:
    cell = triton.equations(spec)
    table = torch.zeros(MEMBERS, VOCABULARY, cell.blocks * HIDDEN, requires_grad=True)
    weight = torch.zeros(MEMBERS, HIDDEN, cell.blocks * HIDDEN, requires_grad=True)
    bias = torch.zeros(MEMBERS, HIDDEN, requires_grad=True) if isinstance(spec, GruSpec) and cell.reset == 2 else None
    state = torch.zeros(cell.tensors, MEMBERS, BATCH, HIDDEN)
    ids = torch.zeros(MEMBERS, STEPS, BATCH, dtype=torch.int64)
    print("on chip", spec.kind, launch.on_chip_bytes(cell, HIDDEN, 4))
    for form in ("persistent", "stepwise"):
        # One cell is enough to see that bfloat16 compiles too.
        outputs, _ = triton.scan(cell, table, ids, weight, bias, state, form, "bf16" if bias is not None else "fp32")
        outputs.sum().backward()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    driver.set_active(Compiler(int(sys.argv[1])))
    launch_nothing()
    for spec in CELLS:
        scan_both_ways(spec)
