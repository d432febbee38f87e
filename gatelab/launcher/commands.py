"""The processes of a Gatelab, besides the broker."""

import os
import signal
import socket
import sys
from pathlib import Path

from gatelab.launcher.child_process import Program

# -P: a directory called `service` or `worker` in the user's working directory is not imported.
METRICS = "metrics"
"""The folder in the data directory in which several service processes collect their metrics."""

PYTHON = (sys.executable, "-P", "-m")


def environment(data_dir: Path, broker: Path, workers: int, service_workers: int = 1) -> dict[str, str]:
    """Their environment. The database is the user's `GATELAB_DATABASE_URL`, else SQLite in `data_dir`."""
    own = {"GATELAB_DATA_DIR": str(data_dir), "GATELAB_BROKER_URL": f"redis+socket://{broker}", "PYTHONUNBUFFERED": "1"}
    # Threads that spin while they wait made training ten times slower on a machine with other load.
    own["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    if service_workers > 1:
        own["GATELAB_COUNTS_URL"] = os.environ.get("GATELAB_COUNTS_URL") or f"unix://{broker}"
        own["PROMETHEUS_MULTIPROC_DIR"] = os.environ.get("PROMETHEUS_MULTIPROC_DIR") or str(data_dir / METRICS)
    if workers > 1 and not os.environ.get("GATELAB_THREADS"):
        # Workers slow each other down if each uses all cores.
        own["GATELAB_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    return {**os.environ, **own}


def migrations(data_dir: Path, told: dict[str, str]) -> Program:
    """Brings the database up to date, makes a key if there is none, and ends."""
    return Program("migrations", [*PYTHON, "gatelab.store.migrate", "--key"], data_dir, told)


def service(data_dir: Path, told: dict[str, str], listener: socket.socket, processes: int = 1) -> Program:
    """The HTTP service on an inherited socket, which answers when the migrations have ended.

    It may finish its requests for ten seconds.
    """
    several = ["--workers", str(processes)] if processes > 1 else []
    return Program(
        name="service",
        command=[*PYTHON, "service", "service.app:create_patient_app", "--fd", str(listener.fileno()), *several],
        folder=data_dir,
        environment=told,
        farewell=((0.0, signal.SIGTERM), (13.0, signal.SIGKILL)),
        inherits=(listener.fileno(),),
    )


def worker(data_dir: Path, told: dict[str, str], number: int) -> Program:
    """A Celery worker. The metrics of several workers have consecutive ports.

    SIGTERM lets its run reach a step to stop at, SIGQUIT cuts that short, SIGKILL is safe too.
    """
    port = told.get("GATELAB_METRICS_PORT", "")
    if port.isdecimal() and int(port) > 0:
        told = told | {"GATELAB_METRICS_PORT": str(int(port) + number - 1)}
    return Program(
        name=f"worker-{number}",
        command=[*PYTHON, "worker"],
        folder=data_dir,
        environment=told,
        farewell=((0.0, signal.SIGTERM), (8.0, signal.SIGQUIT), (20.0, signal.SIGKILL)),
    )
