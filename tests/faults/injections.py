"""The faults. Each function injects one into an installation, and returns the run whose recovery to wait for."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.installation import LEASE, Installation, is_stopped, send
from tests.faults.observation import ObservedRun
from tests.faults.workload import small


@dataclass(frozen=True)
class Blow:
    """A fault that hit a run.

    Attributes:
        hit: the run, as it was before the fault.
        fatal: whether the run needs a new owner to recover; otherwise it recovers when it makes progress.
        at: when, in monotonic time.
    """

    hit: ObservedRun
    fatal: bool
    at: float

    def recovered(self, now: ObservedRun) -> bool:
        """Whether its run, as seen now, has recovered."""
        return now.finished or now.token > self.hit.token or (not self.fatal and now.step > self.hit.step)


Infliction = Callable[[Installation, random.Random], Blow]


def kill_child(on: Installation, chance: random.Random) -> Blow:
    blow, process = somebody_at_work(on, chance)
    send(process, signal.SIGKILL)
    return blow


def kill_tree(on: Installation, chance: random.Random) -> Blow:
    blow, process = somebody_at_work(on, chance)
    parent = on.parent_of(process)
    for each in (parent, process):
        if each is not None:
            send(each, signal.SIGKILL)
    return blow


def stop_child(on: Installation, chance: random.Random) -> Blow:
    """Stop it for longer than its lease, so that its run belongs to another worker when it wakes up."""
    blow, process = somebody_at_work(on, chance)
    send(process, signal.SIGSTOP)
    on.later(LEASE + chance.uniform(1, 2.5), lambda: send(process, signal.SIGCONT))
    return blow


def flush_broker(on: Installation, chance: random.Random) -> Blow:
    blow = _next_in_queue(on)
    on.broker.flush()
    return blow


def kill_broker(on: Installation, chance: random.Random) -> Blow:
    blow = _next_in_queue(on)
    on.broker.kill()
    on.pass_time(chance.uniform(0, 1.5))
    on.broker.start()
    return blow


def freeze_broker(on: Installation, chance: random.Random) -> Blow:
    """Inject the fault while a job is submitted; it affects that job."""
    _let_writers_go(on)
    on.broker.freeze()
    blow = _submitted(on)
    on.pass_time(chance.uniform(0, 1.5))
    on.broker.start()
    return blow


def kill_service(on: Installation, chance: random.Random) -> Blow:
    """Kill the service between commit and publish: the broker accepts nothing, so the service waits there."""
    _let_writers_go(on)
    on.broker.freeze()
    blow = _submitted(on)
    assert on.stack.service is not None
    on.stack.service.kill()
    on.stack.service.wait()
    # Any part of the wake-up in the broker's buffers is lost with the broker.
    on.broker.kill()
    on.broker.start()
    on.stack.start_service()
    return blow


def send_duplicates(on: Installation, chance: random.Random) -> Blow:
    blow = _next_in_queue(on)
    on.wake(20)
    return blow


def stop_postgres(on: Installation, chance: random.Random) -> Blow:
    blow, _process = somebody_at_work(on, chance, fatal=False)
    assert on.postgres is not None
    on.postgres.stop_immediately()
    time.sleep(chance.uniform(0, 0.7))
    on.postgres.start()
    return blow


def somebody_at_work(on: Installation, chance: random.Random, *, fatal: bool = True) -> tuple[Blow, int]:
    """A fault for a run that is being trained, at a random moment, and the process that trains it.

    A run that lost a lease and has saved nothing since gets no fatal fault: the third lost lease in a row would make
    it fail as `crashed`, as it should.
    """
    on.pass_time(chance.uniform(0, 0.3))
    found: list[tuple[ObservedRun, int]] = []

    def look() -> bool:
        on.observer.look()
        fit = [run for run in on.observer.unfinished() if not (fatal and run.crash_count)]
        owners = [(run, on.child(run.owner)) for run in fit]
        found[:] = [(run, process) for run, process in owners if process is not None and not is_stopped(process)]
        return bool(found)

    on.wait_until(look, "somebody was at work")
    run, process = chance.choice(found)
    return Blow(run, fatal, time.monotonic()), process


def _next_in_queue(on: Installation) -> Blow:
    """A fault for a run that waits to be claimed, or if none waits, for one that is being trained."""
    on.wait_until(on.observer.unfinished, "there was work")
    hit = min(on.observer.unfinished(), key=lambda run: (run.owner is not None, run.token))
    return Blow(hit, False, time.monotonic())


def _submitted(on: Installation) -> Blow:
    """A fault for a run that is submitted now."""
    [hit] = on.observer.of_job(on.submit(small()))
    return Blow(hit, False, time.monotonic())


def _let_writers_go(on: Installation) -> None:
    """On SQLite, a process that is stopped inside a transaction holds up every writer, submissions too."""
    on.wait_until(lambda: not any(map(is_stopped, on.children())), "nobody was stopped")
