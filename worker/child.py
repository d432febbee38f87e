"""A worker's child process: one device, one run or pack at a time, and the house-keeping threads."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from gatelab.errors import InvalidInput, Unavailable
from gatelab.launcher.orphans import die_with_parent
from gatelab.settings import Settings
from gatelab.store import Store
from worker.stop_flag import STOP
from worker.telemetry import METER
from worker.telemetry.tracing import span

log = structlog.get_logger(__name__)


class Child:
    """Claims runs and trains them slice by slice; reaps expired leases; polls when the broker is silent.

    Its threads keep the promises that must not depend on the broker: the reaper re-queues runs of dead workers and
    wakes others, the poller finds work without a wake-up, and the sweeper deletes files that nothing refers to.
    """

    def __init__(self, settings: Settings, send_wakeup: Callable[[], object]) -> None:
        self.settings, self.send_wakeup = settings, send_wakeup
        self.store = Store(settings)
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self._at_work = threading.Lock()
        self._leaving = threading.Event()

    def start(self) -> None:
        """Start the threads. Returns at once: Celery gives a child four seconds to come up."""
        die_with_parent()
        self._every(self.settings.reaper_seconds, self._reap)
        self._every(self.settings.rewake_seconds, self._rewake)
        self._every(self.settings.poll_seconds, self.work)
        self._every(self.settings.sweep_seconds, self._sweep)

    def stop(self) -> None:
        """Let the current run reach its next step, record it and stop."""
        self._leaving.set()
        if self._at_work.acquire(timeout=15):
            self._at_work.release()
        self.store.close()

    def work(self) -> None:
        """Train queued runs, oldest first, until none is left. Returns at once if this child is already training."""
        if not self._at_work.acquire(blocking=False):
            return
        try:
            # Imported here, since the parent of this process, which does not train, must not import what training
            # needs. If that includes PyTorch, it is imported before anything is claimed, since the import may take
            # longer than a lease that nobody renews yet.
            from gatelab.training.devices import choose_device
            from gatelab.training.engines import choose_engine
            from worker.slice import Slice

            # A worker that cannot train claims no run.
            choose_engine(choose_device(self.settings.device), self.settings.engine)
            while not self._stopping() and (claim := self.store.claims.claim(self.owner)):
                with span("slice", run=claim.run_id, job=claim.job_id, step=claim.step):
                    trained = Slice(self.store, self.settings, claim, self._stopping)
                    trained.run()
                if trained.in_vain:
                    return  # until it polls or is woken
        except Unavailable as error:
            log.warning("the database cannot be reached", error=str(error))
        except InvalidInput as error:
            log.error("this worker takes no runs", error=str(error))
        finally:
            self._at_work.release()

    def _stopping(self) -> bool:
        return self._leaving.is_set() or bool(STOP)

    def _reap(self) -> None:
        for run_id in self.store.reaper.reap():
            log.warning("recovered a run from a silent worker", run=run_id)
            METER.recovered()
            self.send_wakeup()

    def _rewake(self) -> None:
        for _ in range(self.store.reaper.due_wakeups()):
            self.send_wakeup()

    def _sweep(self) -> None:
        if files := self.store.sweeper.sweep():
            log.info("deleted files that nothing refers to", files=files)

    def _every(self, seconds: float, duty: Callable[[], object]) -> None:
        def loop() -> None:
            while not self._leaving.wait(seconds) and not STOP:
                try:
                    duty()
                except Exception as error:  # the thread must outlive any fault of database or broker
                    log.warning("a duty failed", duty=duty.__name__, error=repr(error))

        threading.Thread(target=loop, name=duty.__name__, daemon=True).start()
