from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatelab.generation import Pieces
from service.generation import admission
from tests.service.installation import Installation, installation, spec


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Installation]:
    """An empty installation for one test."""
    with installation(tmp_path) as made:
        yield made


@pytest.fixture
def http(service: Installation) -> TestClient:
    return service.client


@dataclass(frozen=True)
class Trained:
    """An installation with one successful job, which tests only read."""

    service: Installation
    job: str
    run: Any
    """As the API answers it."""

    def path(self, end: str = "") -> str:
        return f"/v1/runs/{self.run['id']}{end}"

    def get(self, end: str = "") -> Any:
        return self.service.get(self.path(end))

    def generate(self, **body: Any) -> Any:
        answer = self.service.client.post(self.path("/generate"), json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    # Each slice is one step and leaves a checkpoint, so there are several to choose from.
    with installation(tmp_path_factory.mktemp("trained"), slice_seconds=1e-9, checkpoint_seconds=600) as service:
        service.add_corpus()
        job = service.submit(spec(keep_checkpoints=1000))["id"]
        service.work()
        [run] = service.runs(job)
        yield Trained(service, job, run)


@pytest.fixture
def piecemeal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the batcher generate even short texts, with one piece per call of the decoder."""
    monkeypatch.setattr(admission, "SHORT_FLOPS", 0)
    begin = Pieces.__init__

    def each(self: Pieces, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        self._each = True

    monkeypatch.setattr(Pieces, "__init__", each)
