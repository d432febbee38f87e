"""A whole installation as processes of its own, on any database and broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed
from tests.processes import free_port
from tests.waiting import PATIENCE, eventually

HASTE = {
    "GATELAB_LEASE_SECONDS": "3",
    "GATELAB_HEARTBEAT_SECONDS": "1",
    "GATELAB_REAPER_SECONDS": "0.5",
    "GATELAB_REWAKE_SECONDS": "2",
    "GATELAB_SLICE_SECONDS": "1",
    "GATELAB_CHECKPOINT_SECONDS": "0.2",
    "GATELAB_THREADS": "1",
}
"""Short intervals, so that a test sees within seconds what would otherwise take a minute."""


class Stack:
    """The service and workers as a deployment runs them: one command each, configured only by the environment."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder, self.port, self.key_file = folder, free_port(), folder / "api-key"
        self.queue = f"gatelab-test-{uuid4().hex[:12]}"
        own = {"GATELAB_DATA_DIR": str(folder), "GATELAB_QUEUE": self.queue}
        self.environment = {**os.environ, **HASTE, **own, **settings}
        self.service: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.run("gatelab.store.migrate", "--key")
        self.start_service()
        self.start_worker()

    def run(self, *command: str) -> None:
        """Run a module with its arguments to its end."""
        subprocess.run([sys.executable, "-m", *command], env=self.environment, check=True)

    def start_service(self) -> None:
        self.service = self.launch("service", f"--port={self.port}")
        eventually(self._is_ready, "the service is ready")

    def start_worker(self, **environment: str) -> None:
        self.worker = self.launch("worker", **environment)

    def launch(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `python -m` with these arguments, in the stack's environment with these additions."""
        command = [sys.executable, "-m", *arguments]
        with (self.folder / "processes.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment | environment, stdout=log, stderr=log)

    def client(self) -> Gatelab:
        key = self.key_file.read_text().strip() if self.key_file.exists() else None
        return Gatelab(f"http://127.0.0.1:{self.port}", key=key)

    def stop(self) -> None:
        for process in (self.service, self.worker):
            if process and process.poll() is None:
                end(process, signal.SIGTERM)

    def log(self) -> str:
        return (self.folder / "processes.log").read_text(errors="replace")

    def _is_ready(self) -> bool:
        assert self.service
        assert self.service.poll() is None, f"the service ended:\n{self.log()}"
        try:
            with self.client() as client:
                client._transport.get_bytes("/readyz")
        except (ConnectionFailed, ApiError):
            return False
        return True


def end(process: subprocess.Popen[bytes], by: signal.Signals) -> int:
    """Send a signal and wait for the end. Returns the exit status."""
    process.send_signal(by)
    return process.wait(timeout=PATIENCE)
