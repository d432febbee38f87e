"""The Celery application. The broker only says "look": the database has the work.

Importing this reads no environment and imports no torch: a parent that has used torch must not fork.
"""

from typing import Any

from billiard.process import current_process
from billiard.util import get_logger
from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from gatelab import logs
from gatelab.settings import load
from worker.celery_config import WAKE_TASK, celery_config
from worker.child import Child
from worker.stop_flag import STOP
from worker.telemetry import METER, tracing

app = Celery("gatelab-worker")
app.add_defaults(lambda: celery_config(load()))

_children: list[Child] = []
"""The child of this process, once it is one."""


@app.task(name=WAKE_TASK, ignore_result=True)
def wake() -> None:
    """Train the queued runs of the database, unless this child is already working."""
    _children[0].work()


@celeryd_after_setup.connect
def _serve_metrics(**_: Any) -> None:
    settings = load()
    if settings.metrics_port:
        from worker.telemetry.exposition import serve

        serve(settings)


@worker_process_init.connect
def _start(**_: Any) -> None:
    METER.take_row(getattr(current_process(), "index", 0))
    tracing.start()
    child = Child(load(), send_wakeup=lambda: wake.apply_async(retry=False))
    child.start()
    _children[:] = [child]


@worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    for child in _children:
        child.stop()
    tracing.stop()


@worker_shutting_down.connect
def _tell_children(**_: Any) -> None:
    STOP.set()


@setup_logging.connect
def _configure_logs(loglevel: int, **_: Any) -> None:
    as_json = load().log_json
    logs.configure(as_json=as_json)
    logs.forward_standard_library(loglevel, as_json=as_json)
    # Only the pool's message about a dead child is logged, as a line like all others.
    pool = get_logger()
    pool.propagate = True
    pool.setLevel("WARNING")
