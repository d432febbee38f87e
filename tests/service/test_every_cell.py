"""Every published cell, from its name to its generated text, over HTTP; and a new cell, which is one file."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatelab.equations.zoo import SUFFIX, zoo
from gatelab.scan.native import compile as compiling
from tests.conftest import ROOT
from tests.service.installation import LIMITS, Installation, installation, spec

NAMES = sorted(zoo())
STEPS = 2
SHORT = {"epochs": 1, "batch_size": 8, "windows": {"train": 8 * STEPS, "validation": 8}, "keep_best": False}
"""Two steps, and an evaluation."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Here PyTorch trains and NumPy generates. Compiling cells has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATELAB_COMPILE_CELLS", "false")
        patch.setenv("GATELAB_CELL_CACHE", str(tmp_path_factory.mktemp("cache") / "cells"))
        patch.setattr(compiling, "_loaded", {})  # which would remember that there was no code
        limits = LIMITS.model_copy(update={"runs_per_job": len(NAMES)})
        with installation(tmp_path_factory.mktemp("every"), limits=limits) as made:
            made.add_corpus()
            yield made


@pytest.fixture(scope="module")
def runs(service: Installation) -> dict[str, Any]:
    """Name -> the run of that cell, trained."""
    cells = [{"kind": name, "hidden": 5} for name in NAMES]
    job = service.submit(spec(**SHORT) | {"grid": {"model.cell": cells}})["id"]
    service.work()
    return {name_of(run["spec"]["model"]["cell"]): run for run in service.runs(job)}


def name_of(cell: dict[str, Any]) -> str:
    return str(cell.get("name") or cell["kind"])


def test_all_of_them_are_trained(runs: dict[str, Any]) -> None:
    trained = {name: (run["state"], run["step"]) for name, run in runs.items()}
    assert trained == dict.fromkeys(NAMES, ("succeeded", STEPS))


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_scores_is_seen_and_exported(name: str, service: Installation, runs: dict[str, Any]) -> None:
    path = f"/v1/runs/{runs[name]['id']}"

    def post(end: str, **body: Any) -> Any:
        answer = service.client.post(f"{path}/{end}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert len(post("generate", prompt="the", max_tokens=10)["text"]) == 10
    [scored] = post("score", texts=["the time"])["data"]
    assert math.isfinite(scored["loss"])
    [layer] = post("gates", text="the time", influence={"output": 4})["layers"]
    assert set(layer["gates"]) == set(zoo()[name].representation.gates)
    for format in ("safetensors", "numpy"):
        answer = service.client.get(f"{path}/export?format={format}")
        assert answer.status_code == 200, answer.text
        assert len(answer.content) > 1000


# -- A new cell ---------------------------------------------------------------------------------------------------

NEW = """# Structurally constrained recurrent network, decay 0.95.
# Mikolov et al. 2015, arXiv:1412.7753.
context' = 0.05 * (B @ x) + 0.95 * context
h' = sigmoid(P @ context' + A @ x + R @ h)
"""
PROGRAM = """
import json, sys
from pathlib import Path
from tests.service.installation import installation, spec

with installation(Path(sys.argv[1])) as service:
    service.add_corpus()
    body = spec(**json.loads(sys.argv[2])) | {"model": {"cell": {"kind": "scrn", "hidden": 4}}}
    job = service.submit(body)["id"]
    service.work()
    [run] = service.runs(job)
    written = service.client.post(f"/v1/runs/{run['id']}/generate", json={"prompt": "the", "max_tokens": 5}).json()
    [listed] = [cell for cell in service.get("/v1/cells")["data"] if cell["name"] == "scrn"]
    print("ANSWER" + json.dumps([run["state"], len(written["text"]), listed["title"], listed["source"]]))
"""


def test_a_new_cell_is_one_file(tmp_path: Path) -> None:
    """The package with one more file in the folder of the zoo, imported by a process of its own."""
    package = tmp_path / "gatelab"
    (tmp_path / "migrations").symlink_to(ROOT / "migrations")  # found beside the package
    linked(ROOT / "gatelab", package, but="cells")
    linked(ROOT / "gatelab" / "cells", package / "cells", but="zoo")
    linked(ROOT / "gatelab" / "cells" / "zoo", package / "cells" / "zoo")
    (package / "cells" / "zoo" / f"scrn{SUFFIX}").write_text(NEW)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "GATELAB_COMPILE_CELLS": "false"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(SHORT)]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    [answer] = [line.removeprefix("ANSWER") for line in ran.stdout.splitlines() if line.startswith("ANSWER")]
    title, source = (line.removeprefix("# ").removesuffix(".") for line in NEW.splitlines()[:2])
    assert json.loads(answer) == ["succeeded", 5, title, source]


def linked(there: Path, here: Path, but: str = "") -> None:
    """A folder with links to everything in another one, except for one name."""
    here.mkdir()
    for path in there.iterdir():
        if path.name not in (but, "__pycache__"):
            (here / path.name).symlink_to(path)
