"""GET /v1/runs/{id}/export on the wire."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.export.weights import description
from tests.service.conftest import Trained
from tests.service.installation import problem


def test_what_is_downloaded_writes_what_the_service_writes(trained: Trained, tmp_path: Path) -> None:
    client = trained.service.client
    for name, format in (("model.safetensors", "safetensors"), ("generate.py", "numpy")):
        answer = client.get(trained.path(f"/export?format={format}"))
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        (tmp_path / name).write_bytes(answer.content)
    command = [sys.executable, "-P", "generate.py", "model.safetensors", "the ", "25"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == trained.generate(prompt="the ", max_tokens=25, temperature=0)["text"] + "\n"


@pytest.mark.long  # test_without_torch.py has one made in every run of the tests
def test_a_step_for_other_runtimes(trained: Trained) -> None:
    """The file belongs to the run's checkpoint. The library's own tests run its program."""
    answer = trained.service.client.get(trained.path("/export?format=torch"))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'-{trained.run["step"]}.pt2"')
    checkpoint = Checkpoint.from_bytes(trained.service.store.checkpoints.get(trained.run["id"]).data)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [told] = (archive.read(name) for name in archive.namelist() if name.endswith("/extra/gatelab"))
    assert told.decode() == description(checkpoint)


def test_each_format_has_its_name(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the files come from a stub instead of another process."""
    monkeypatch.setattr("service.runs.export_routes._traced", lambda _, format: f"a step in {format}".encode())
    for format, ending in (("onnx", "onnx"), ("torch", "pt2")):
        answer = trained.service.client.get(trained.path(f"/export?format={format}"))
        assert answer.text == f"a step in {format}"
        assert answer.headers["content-disposition"].endswith(f'-{trained.run["step"]}.{ending}"')


def test_any_checkpoint_is_exported(trained: Trained) -> None:
    early, late = (trained.service.client.get(trained.path(f"/export?checkpoint={step}")) for step in (1, 6))
    assert len(early.content) == len(late.content)
    assert early.content != late.content
    assert trained.service.client.get(trained.path("/export?checkpoint=latest")).content == late.content


def test_what_is_not_there_is_told(trained: Trained) -> None:
    client = trained.service.client
    problem(client.get("/v1/runs/nobody/export"), 404, "not-found")
    problem(client.get(trained.path("/export?checkpoint=999")), 404, "not-found")
    problem(client.get(trained.path("/export?format=pickle")), 422, "invalid-request")
    problem(client.get(trained.path("/export?checkpoint=first")), 422, "invalid-request")
