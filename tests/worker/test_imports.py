"""On the native engine, a worker imports everything for a run, and nothing of PyTorch."""

import os
import subprocess
import sys
from typing import Any

import pytest

from gatelab.settings import Settings
from gatelab.store import Store
from tests.worker.conftest import SPEC, TRAINING, queue

WORK = """
import sys
from gatelab.settings import load
from worker.child import Child
child = Child(load(), send_wakeup=lambda: None)
child.work()
child.stop()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

UNNEEDED = {"torch", "triton", "scipy", "jinja2", "alembic", "onnx", "onnxscript", "fastapi", "limits", "opentelemetry"}
"""Packages that neither a worker that trains natively nor its parent imports."""

ASKED: dict[str, Any] = SPEC | {
    "model": SPEC["model"] | {"layers": 2, "dropout": 0.2},
    "training": TRAINING | {"gate_statistics": True, "carry_state": True, "keep_best": True},
    "grid": {"training.seed": [1, 2]},
}
"""Two runs of a pack, with gate statistics, samples, dropout, a carried state and their best checkpoints."""


def test_a_native_worker_never_imports_pytorch(store: Store, settings: Settings, database_url: str) -> None:
    queue(store, ASKED)
    environment = {
        "GATELAB_DATABASE_URL": database_url,
        "GATELAB_DATA_DIR": str(settings.data_dir),
        "GATELAB_THREADS": "1",
        # One step per slice: every step is recorded, and the next one resumes from a checkpoint.
        "GATELAB_SLICE_SECONDS": "0.000001",
    }
    ran = subprocess.run(
        [sys.executable, "-c", WORK], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    imported = set(ran.stdout.split())
    assert imported & UNNEEDED == set(), ran.stderr
    assert {"numpy", "safetensors", "sqlalchemy"} <= imported, "they are what it works with"
    runs = store.runs.list().items
    assert [(run.state, run.engine, run.device) for run in runs] == [("succeeded", "native", "cpu")] * 2
    for run in runs:
        assert run.attempt > 3, "it was resumed"
        assert run.metrics is not None
        assert run.metrics.trained_together == 2
        assert [len(sample.text) for sample in store.samples.list(run.id)] == [8, 8, 8]
        assert all(len(row.gates or ()) == 2 for row in store.metrics.list(run.id))


BUDGETS = {"gatelab.specs": 300, "gatelab.training": 680, "worker.app": 940}
"""The most modules that each may import, 10 % more than now. Each costs time and memory at every start."""


@pytest.mark.parametrize("name", BUDGETS)
def test_an_import_brings_no_more_modules_than_it_needs(name: str) -> None:
    program = f"import sys, {name}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = ran.stdout.split()
    assert {module.partition(".")[0] for module in modules} & UNNEEDED == set()
    assert len(modules) <= BUDGETS[name]
