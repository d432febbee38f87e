"""GET /v1/runs/{id}/export on the wire."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

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


def test_a_step_for_other_runtimes(trained: Trained) -> None:
    onnx, torch_program = (trained.service.client.get(trained.path(f"/export?format={f}")) for f in ("onnx", "torch"))
    assert onnx.headers["content-disposition"].endswith('.onnx"')
    assert torch_program.headers["content-disposition"].endswith('.pt2"')
    session = onnxruntime.InferenceSession(onnx.content)
    state = np.zeros([1 if isinstance(size, str) else size for size in session.get_inputs()[1].shape], np.float32)
    logits, _ = session.run(None, {"tokens": np.array([1]), "state": state})
    module = torch.export.load(io.BytesIO(torch_program.content)).module()
    np.testing.assert_allclose(module(torch.tensor([1]), torch.from_numpy(state))[0].numpy(), logits, atol=1e-5)


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
