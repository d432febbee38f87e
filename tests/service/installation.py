"""A service on a database of its own, whose queued runs are trained when a test asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr
from sqlalchemy import func, select

from gatelab.settings import Settings
from gatelab.specs import Limits
from gatelab.store import Store
from gatelab.store.tables import metadata
from service.app import create_app
from tests.databases import migrate
from worker.slice import Slice

TEXT = "the time machine, by h. g. wells. the time traveller was expounding a recondite matter to us. " * 6

SERVER = "http://localhost"
LIMITS = Limits(
    corpus_bytes=5000, body_bytes=20_000, request_bytes=19_000, runs_per_job=20, prompt_characters=500, max_tokens=200
)

SPEC: dict[str, Any] = {
    "name": "tiny",
    "corpus": "wells",
    "model": {"cell": {"kind": "gru", "hidden": 6}},
    "training": {
        "num_steps": 16,
        "batch_size": 16,
        "optimizer": {"kind": "adam", "lr": 0.05},
        "epochs": 3,
        "sample": {"prefix": "the ", "characters": 12},
    },
}
"""A job of one run that trains within a moment."""


def spec(**changes: Any) -> dict[str, Any]:
    """SPEC with some of its training fields changed."""
    return SPEC | {"training": SPEC["training"] | changes}


@dataclass(frozen=True)
class Installation:
    settings: Settings
    store: Store
    client: TestClient

    def add_corpus(self) -> Any:
        """Add TEXT under the name that SPEC uses."""
        return self._created("/v1/corpora", {"name": "wells", "text": TEXT}, 201)

    def submit(self, body: dict[str, Any] = SPEC) -> Any:
        """Queue a job on the corpus, which must exist. Returns the answer."""
        return self._created("/v1/jobs", body, 202)

    def work(self) -> None:
        """Train all queued runs to their end."""
        while claim := self.store.claims.claim("test"):
            Slice(self.store, self.settings, claim, lambda: False).run()

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def runs(self, job: str) -> list[Any]:
        runs: list[Any] = self.get(f"/v1/runs?job={job}")["data"]
        return runs

    def rows(self) -> dict[str, int]:
        """Table -> its number of rows."""
        with self.store.database.read() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in metadata.sorted_tables
            }

    def _created(self, path: str, body: dict[str, Any], status: int) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def installation(folder: Path, **changes: Any) -> Iterator[Installation]:
    """An installation with its data in `folder` and some settings changed. Its broker discards every message."""
    settings = settings_in(folder, **changes)
    migrate(settings)
    with Store(settings) as store, client(settings) as http:
        yield Installation(settings, store, http)


def settings_in(folder: Path, **changes: Any) -> Settings:
    defaults: dict[str, Any] = {
        "data_dir": folder,
        "database_url": SecretStr(f"sqlite:///{folder}/gatelab.db"),
        "broker_url": SecretStr("memory://"),
        "device": "cpu",
        "threads": 1,
        "limits": LIMITS,
        "auth": False,  # keys have tests of their own
    }
    return Settings(**defaults | changes)


def client(settings: Settings) -> TestClient:
    """A client of a service with these settings. An exception in the service is an answer, as over a network."""
    return TestClient(create_app(settings), base_url=SERVER, raise_server_exceptions=False)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def problem(answer: Response, status: int, kind: str) -> Any:
    """The problem that `answer` reports, which must be of this status and type."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"urn:gatelab:{kind}"), body
    assert body["title"]
    assert body["detail"]
    return body
