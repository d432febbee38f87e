"""The real service on a real port, in a thread of the tests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import delete
from starlette.types import ASGIApp
from typer.testing import CliRunner, Result

from gatelab.client.main import app
from gatelab.specs import Limits
from gatelab.store.tables import corpora, deleted_runs, jobs
from service.app import create_app
from tests.client.wire import Wire
from tests.service.installation import Installation, installation


@dataclass(frozen=True)
class Live:
    """An installation that answers at `url`, over `wire`. `service.client` bypasses the wire."""

    service: Installation
    wire: Wire
    url: str

    def raw(self, path: str) -> Any:
        """The service's own answer, as JSON."""
        return self.service.get(path)

    def raw_post(self, path: str, body: Any) -> Any:
        """The service's own answer, as JSON."""
        answer = self.service.client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def command(self, *arguments: str, encoding: str = "utf-8") -> Result:
        """Run `gatelab` with these arguments on this installation, on a terminal of this encoding."""
        return CliRunner(charset=encoding).invoke(app, list(arguments), env={"GATELAB_URL": self.url})

    def clear(self) -> None:
        """Delete everything. This takes milliseconds, while a new installation would take tenths of a second."""
        with self.service.store.database.write() as connection:
            for table in (jobs, corpora, deleted_runs):
                connection.execute(delete(table))


@contextmanager
def live(folder: Path) -> Iterator[Live]:
    """An installation with its data in `folder`, with the limits of a real one."""
    with installation(folder, limits=Limits()) as service:
        wire = Wire(create_app(service.settings))
        with serving(wire) as url:
            yield Live(service, wire, url)


@contextmanager
def serving(service: ASGIApp, port: int = 0) -> Iterator[str]:
    """The URL where `service` answers. Answers that are not complete at the end are cut off."""
    # A client that connects before the service has started waits for it.
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(service, log_config=None, log_level="error", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
