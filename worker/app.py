"""The Celery application. The broker only says "look": what is to be done stands in the database.

Importing this reads no environment and imports no torch: a parent that has used torch must not fork.
"""

from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down

from gatelab import logs
from gatelab.settings import WAKE_TASK, celery_config, load
from worker.child import Child
from worker.stop import STOP

app = Celery("gatelab-worker")
app.add_defaults(lambda: celery_config(load()))

_children: list[Child] = []
"""This process's child, once it is one."""


@app.task(name=WAKE_TASK, ignore_result=True)
def wake() -> None:
    """Do what the database says is to be done, unless this child is already at it."""
    _children[0].work()


@worker_process_init.connect
def _start(**_: Any) -> None:
    child = Child(load(), send_wakeup=lambda: wake.apply_async(retry=False))
    child.start()
    _children[:] = [child]


@worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    for child in _children:
        child.stop()


@worker_shutting_down.connect
def _tell_children(**_: Any) -> None:
    STOP.set()


@setup_logging.connect
def _configure_logs(loglevel: int, **_: Any) -> None:
    logs.configure(as_json=load().log_json)
    logs.forward_standard_library(loglevel)
