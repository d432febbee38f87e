"""Telling workers that there is work. Only a hint: a lost one costs latency, never a run."""

import structlog
from celery import Celery
from kombu.exceptions import KombuError

from gatelab.settings import WAKE_TASK, Settings, celery_config

log = structlog.get_logger(__name__)


class Wakeups:
    """Publishes wake-ups by task name: the service never imports the worker."""

    def __init__(self, settings: Settings) -> None:
        self._celery = Celery("gatelab-service", set_as_current=False)
        self._celery.conf.update(celery_config(settings))

    def send(self) -> None:
        """Wake one worker. Called after commit; a broker that is away is logged and left to the workers' polling."""
        try:
            self._celery.send_task(WAKE_TASK, retry=False, ignore_result=True)
        except (KombuError, OSError) as error:
            log.warning("the broker did not take a wake-up", error=str(error))

    def close(self) -> None:
        self._celery.close()
