"""Wake-ups of workers. They are only hints: a lost one costs latency, never a run."""

import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

from gatelab.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

WAKE_TASK = "gatelab.wake"
"""The worker's task that checks the database."""

log = structlog.get_logger(__name__)


def sender_config(settings: Settings) -> dict[str, Any]:
    """Celery's configuration for a sender: data only, without the settings of workers.

    Socket timeouts are short, since a publish happens inside a request.
    """
    url = settings.broker_url.get_secret_value()
    redis_options = {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": not url.startswith("redis+socket"),
        "health_check_interval": 10,
    }
    return {
        "broker_url": url,
        "broker_connection_timeout": 2,
        "broker_transport_options": redis_options if url.startswith("redis") else {"write_timeout": 5},
        "task_default_queue": settings.queue,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry": False,
        "task_ignore_result": True,
        "enable_utc": True,
    }


class Wakeups:
    """Publishes wake-ups by task name. The service never imports the worker, and imports Celery for the first wake-up.

    An attempt to reach an unavailable broker holds a thread for two seconds, and the service has few. So a burst ends
    with the first failure, and there is no attempt for `quiet_seconds` after it: the workers' polling finds the runs.
    """

    def __init__(self, settings: Settings, quiet_seconds: float = 5) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._made: Celery | None = None
        self._quiet_seconds, self._quiet_until = quiet_seconds, 0.0

    def send(self, count: int = 1) -> None:
        """Wake `count` workers. Called after the commit. If the broker is unavailable, this only logs it."""
        if time.monotonic() < self._quiet_until:
            return
        from kombu.exceptions import KombuError

        try:
            for _ in range(count):
                self._celery().send_task(WAKE_TASK, retry=False, ignore_result=True)
        except (KombuError, OSError) as error:
            self._quiet_until = time.monotonic() + self._quiet_seconds
            log.warning("the broker did not take a wake-up", error=str(error))

    def _celery(self) -> "Celery":
        from celery import Celery

        with self._lock:
            if self._made is None:
                self._made = Celery("gatelab-service", set_as_current=False)
                self._made.conf.update(sender_config(self._settings))
            return self._made

    def close(self) -> None:
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None
