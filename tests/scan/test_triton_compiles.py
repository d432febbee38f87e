"""Triton's compiler takes the kernels for an NVIDIA GPU, where the interpreter would let much pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

KERNELS = {
    "persistent": {"forward", "backward"},
    "stepwise": {"forward", "backward", "reset_forward", "reset_backward"},
    "products": {"matmul", "column_sums", "segment_sums"},
}


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_every_kernel_compiles_and_fits_on_chip_as_foreseen(tmp_path: Path) -> None:
    # A process of its own: the interpreter, once chosen, stays. An empty cache: nothing is taken from an earlier run.
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.scan.compile_triton", "90"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    compiled: dict[str, set[str]] = {}
    foreseen = 0
    for module, kernel, taken in (line.rsplit(" ", 2) for line in ran.stdout.splitlines()):
        if module == "on chip":
            foreseen = int(taken)
            continue
        compiled.setdefault(module, set()).add(kernel)
        if module == "persistent":
            assert int(taken) <= foreseen
    assert compiled == KERNELS
