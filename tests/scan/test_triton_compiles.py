"""Triton's compiler accepts the kernels for an NVIDIA GPU. The interpreter is much less strict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatelab.equations import read
from gatelab.equations.triton.layout import Layout
from gatelab.equations.zoo import zoo
from tests import servers
from tests.scan.shapes import SHAPES

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)]

CELLS = {name: zoo()[name].equations for name in ("gru", "lstm", "mingru")} | SHAPES
SUMS = {"matmul", "column_sums", "segment_sums"}


def kernels_of(equations: str) -> set[str]:
    """The kernels that a scan and its backward pass launch, in both forms."""
    phases = range(Layout(read(equations)).plan.phases)
    whole = {"persistent_forward", "persistent_backward"}
    return whole | {f"{way}_{phase}" for way in ("forward", "backward") for phase in phases}


def test_every_kernel_compiles_and_fits_on_chip_as_foreseen(tmp_path: Path) -> None:
    # A process of its own, since the interpreter stays once it is chosen; an empty cache, so that all is compiled.
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    cells = tmp_path / "cells.json"
    cells.write_text(json.dumps(CELLS))
    command = [sys.executable, "-m", "tests.scan.compile_triton", "90", str(cells)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    compiled: dict[str, set[str]] = {}
    sums, cell, foreseen = set[str](), "", 0
    for module, kernel, taken in (line.rsplit(" ", 2) for line in ran.stdout.splitlines()):
        if module == "cell":
            cell, foreseen = kernel, int(taken)
        elif module == "products":
            sums.add(kernel)
        else:
            compiled.setdefault(cell, set()).add(kernel)
            assert not kernel.startswith("persistent") or int(taken) <= foreseen, (cell, kernel)
    assert compiled == {name: kernels_of(equations) for name, equations in CELLS.items()}
    assert sums == SUMS


REFUSED = """
from triton.runtime import driver
from gatelab.equations import read
from gatelab.scan import triton
from gatelab.scan.triton import code
from tests.scan.compile_triton import Compiler, launch_nothing

driver.set_active(Compiler(90))
launch_nothing()
write = code.generate
code.generate = lambda layout: write(layout).replace("functions.tanh(", "tl.arange(0, ")
for function in ("tanh", "sin"):
    print("answer:", triton.why_not(read(f"h' = {function}(W @ x + U @ h)"), 16, "fp32", "cpu"))
"""


def test_a_kernel_that_does_not_compile_is_named(tmp_path: Path) -> None:
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", REFUSED], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    refused, taken = (line.removeprefix("answer: ") for line in ran.stdout.splitlines() if line.startswith("answer: "))
    assert refused.startswith("Triton cannot run the kernels of the cell: CompilationError")
    assert "arange" in refused
    assert taken == "None"
