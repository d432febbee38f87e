"""Compiles every kernel that the scan launches for an NVIDIA GPU, which need not exist. A program of its own.

Arguments: the compute capability, such as 90, and a file of JSON: the equations of cells, by name. Prints the module,
the name and the bytes of shared memory of each kernel, after a line with the cell's name and the bytes estimated.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from gatelab.equations import read
from gatelab.scan import triton
from gatelab.scan.triton import launch
from gatelab.specs.training import Precision

MEMBERS, STEPS, BATCH, HIDDEN, VOCABULARY = 2, 1, 5, 16, 9


class Compiler:
    """Stands in for the CUDA driver: names the GPU for which to compile."""

    def __init__(self, capability: int) -> None:
        self._target = GPUTarget("cuda", capability, warp_size=32)

    def get_current_target(self) -> GPUTarget:
        return self._target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def launch_nothing() -> None:
    """Make every launch return as soon as its kernel is compiled."""
    run = JITFunction.run

    def compile_only(self: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        kernel = run(self, *arguments, grid=grid, warmup=True, **options)
        print(self.__module__.rsplit(".", 1)[1], self.__name__, kernel.metadata.shared)
        return kernel

    JITFunction.run = compile_only


def scan_both_ways(name: str, equations: str, precision: Precision) -> None:
    code = triton.code_of(read(equations))
    print("cell", name, launch.on_chip_bytes(code, HIDDEN, 4))
    table = torch.zeros(MEMBERS, VOCABULARY, len(code.inputs) * HIDDEN, requires_grad=True)
    weight = _zeros(len(code.matrices), MEMBERS, HIDDEN)
    bias, vectors = _zeros(len(code.biases), MEMBERS), _zeros(len(code.vectors), MEMBERS)
    state = torch.zeros(code.layout.states, MEMBERS, BATCH, HIDDEN)
    ids = torch.zeros(MEMBERS, STEPS, BATCH, dtype=torch.int64)
    for form in ("persistent", "stepwise"):
        outputs, _ = triton.scan(code, table, ids, weight, bias, vectors, state, form, precision)
        outputs.sum().backward()  # type: ignore[no-untyped-call]


def _zeros(blocks: int, *shape: int) -> Tensor | None:
    return torch.zeros(*shape, blocks * HIDDEN, requires_grad=True) if blocks else None


if __name__ == "__main__":
    driver.set_active(Compiler(int(sys.argv[1])))
    launch_nothing()
    for number, (name, equations) in enumerate(json.loads(Path(sys.argv[2]).read_text()).items()):
        # One cell is enough to see that bfloat16 compiles too.
        scan_both_ways(name, equations, "fp32" if number else "bf16")
