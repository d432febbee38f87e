"""Serves everything that does not need PyTorch, in a process of its own. `test_without_torch.py` runs this program.

python -m tests.service.without_torch DATABASE_URL DATA_DIR RUN forbid|count
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import SecretStr

LARGE = ("torch", "triton", "scipy", "onnx", "onnxscript", "jinja2", "alembic")
"""Packages that take a long time to import, or much memory."""


def main(database_url: str, folder: str, run: str) -> dict[str, Any]:
    """The service's answer to each request, and the large packages that it imported for it."""
    from fastapi.testclient import TestClient

    from gatelab.settings import Settings
    from service.app import create_app

    settings = Settings(
        database_url=SecretStr(database_url), data_dir=Path(folder), broker_url=SecretStr("memory://"), auth=False
    )
    answers: dict[str, Any] = {}
    with TestClient(create_app(settings), base_url="http://localhost") as client:

        def ask(name: str, path: str, body: Any = None) -> None:
            answer = client.post(path, json=body) if body is not None else client.get(path)
            answers[name] = [answer.status_code, answer.text if answer.status_code >= 400 else len(answer.content)]

        of = f"/v1/runs/{run}"
        ask("generate", f"{of}/generate", {"prompt": "the ", "max_tokens": 30, "seed": 1})
        ask("stream", f"{of}/generate", {"prompt": "the ", "max_tokens": 30, "stream": True})
        ask("completions", "/v1/completions", {"model": run, "prompt": "the ", "logprobs": 2, "max_tokens": 5})
        ask("score", f"{of}/score", {"texts": ["the time"]})
        held = {"gate": "update", "at": [3], "value": 1}
        ask("gates", f"{of}/gates", {"text": "the time", "clamp": [held], "influence": {"output": 6}})
        ask("safetensors", f"{of}/export?format=safetensors")
        ask("numpy", f"{of}/export?format=numpy")
        ask("checkpoint", f"{of}/checkpoints/1")
        ask("cells", "/v1/cells/check", {"equations": "h' = tanh(W @ x + U @ h + b)"})
        ask("list", "/v1/runs")
        ask("onnx", f"{of}/export?format=onnx")
    return {"answers": answers, "imported": [name for name in LARGE if sys.modules.get(name) is not None]}


if __name__ == "__main__":
    *arguments, torch = sys.argv[1:]
    if torch == "forbid":
        sys.modules["torch"] = cast(ModuleType, None)  # it cannot be imported, as if it were not installed
    print(json.dumps(main(*arguments)))
