"""The broker is emptied, killed and frozen, the service dies before it wakes a worker, and needless wake-ups arrive."""

import random
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from gatelab.store import State
from tests import servers
from tests.events import events_of
from tests.faults.campaign import Row, go_through
from tests.faults.damage import Damage, of_job
from tests.faults.injections import (
    flush_broker,
    freeze_broker,
    kill_broker,
    kill_service,
    send_duplicates,
)
from tests.faults.installation import Installation, send
from tests.faults.servers import Broker
from tests.faults.workload import small

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX),
    # The database does not matter for these faults, so one is enough here; `make faults` uses both.
    pytest.mark.parametrize("shared_installation", ["sqlite"], indirect=True),
]

NO_POLLING = {"GATELAB_POLL_SECONDS": "600"}


def test_a_broker_in_trouble_loses_nothing(installation: Installation, chance: random.Random, table: list[Row]) -> None:
    troubles = [flush_broker, *[kill_broker] * 2, freeze_broker, kill_service, send_duplicates]
    table.append(go_through(troubles, installation, chance, "broker in trouble"))
    assert table[-1].harmless, table[-1]


@contextmanager
def killed(broker: Broker) -> Iterator[None]:
    broker.kill()
    yield
    broker.start()


@contextmanager
def emptied(broker: Broker) -> Iterator[None]:
    """Empty the broker before the submission, which removes the queue's bindings, and after it."""
    broker.flush()
    yield
    broker.flush()


def test_runs_start_soon_after_the_broker_is_well_again(installation: Installation) -> None:
    with installation.other_workers(options=NO_POLLING):
        # These workers get work only from the broker, so this shows that they have started.
        installation.submit(small(epochs=1))
        installation.finish()
        for trouble in (killed, emptied):
            with trouble(installation.broker):
                job = installation.submit(small())
            started = partial(has_started, installation, job)
            installation.wait_until(started, f"a run has started after the broker was {trouble.__name__}")
            installation.finish()
            assert of_job(installation.store, job) == Damage()


def test_a_wake_up_in_hand_when_the_broker_dies_is_not_the_last(installation: Installation) -> None:
    """Each worker has a message, and its child takes it only when no broker can receive the acknowledgement."""
    broker = installation.broker
    with installation.other_workers(options=NO_POLLING):
        broker.flush()
        installation.wait_until(lambda: broker.listeners() == installation.size, "all workers listened")
        children, before = installation.children(), wake_ups_done(installation)
        for child in children:
            send(child, signal.SIGSTOP)
        installation.wake(installation.size + 1)
        installation.wait_until(lambda: broker.waiting(installation.stack.queue) == 1, "each worker had a wake-up")
        with killed(broker):
            for child in children:
                send(child, signal.SIGCONT)
            done = before + installation.size
            installation.wait_until(lambda: wake_ups_done(installation) == done, "the children had nothing to do")
        job = installation.submit(small(epochs=1))
        installation.wait_until(partial(has_started, installation, job), "a worker had heard of a run")
        installation.finish()


def test_runs_start_though_the_broker_is_away(installation: Installation) -> None:
    installation.broker.freeze()
    job = installation.submit(small())
    installation.finish()
    assert of_job(installation.store, job) == Damage()


def has_started(on: Installation, job: str) -> bool:
    return all(run.state is not State.QUEUED for run in on.observer.of_job(job))


def wake_ups_done(on: Installation) -> int:
    """The number of wake-ups that children have taken and finished."""
    return len(re.findall(r"Task gatelab\.wake\[\S+\] succeeded", on.stack.log()))


def test_twenty_wake_ups_for_one_run_make_one_claim(installation: Installation) -> None:
    """Slice and lease are longer than any run here, so the worker that claims a run also finishes it."""
    with installation.other_workers(options={"GATELAB_SLICE_SECONDS": "600", "GATELAB_LEASE_SECONDS": "60"}):
        installation.wake(10)
        job = installation.submit(small(epochs=1))
        installation.wake(20)
        installation.finish()
        installation.pass_time(1)
    [run] = installation.observer.of_job(job)
    assert run.token == 1
    events = events_of(installation.store, job)
    assert sum(event.type == "run_started" or event.data.get("state") == State.RUNNING for event in events) == 1
    assert of_job(installation.store, job) == Damage()
