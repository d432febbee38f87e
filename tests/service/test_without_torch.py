"""The service generates, scores and computes gates without PyTorch, and names the formats that need it."""

import json
import subprocess
import sys
from typing import Any

from tests.service.conftest import Trained


def served(trained: Trained, torch: str) -> Any:
    """The answers and imports of a service in a process of its own."""
    settings = trained.service.settings
    url = settings.database_url.get_secret_value()
    command = [
        sys.executable,
        "-m",
        "tests.service.without_torch",
        url,
        str(settings.data_dir),
        trained.run["id"],
        torch,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    return json.loads(done.stdout)


def test_the_service_never_imports_pytorch(trained: Trained) -> None:
    found = served(trained, "count")
    assert {name: status for name, (status, _) in found["answers"].items() if status != 200} == {}
    assert found["imported"] == [], "nothing large is imported for what is served"


def test_without_pytorch_all_but_its_formats_is_served(trained: Trained) -> None:
    answers = served(trained, "forbid")["answers"]
    status, told = answers.pop("onnx")
    assert status == 422
    [problem] = json.loads(told)["problems"]
    assert problem["path"] == "format"
    assert "gatelab[server]" in problem["message"]
    assert {name: status for name, (status, _) in answers.items() if status != 200} == {}
