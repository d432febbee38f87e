"""Workers are killed and stopped; a run that kills its workers is given up."""

import random
import signal
import sys

import pytest

from gatelab.store import State
from tests import servers
from tests.faults import poisoned_worker
from tests.faults.campaign import go_through
from tests.faults.damage import Damage, of_job
from tests.faults.inflictions import kill_child, kill_tree, somebody_at_work, stop_child
from tests.faults.installation import LEASE, Installation, send
from tests.faults.sight import Sight
from tests.faults.workload import batches, small

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)

LONG = {"epochs": 80}


def test_killed_workers_lose_nothing(installation: Installation, chance: random.Random) -> None:
    row = go_through([kill_child, kill_tree, stop_child, kill_child], installation, chance, "killed workers")
    assert row.harmless, row


def let_a_zombie_wake_up(on: Installation, chance: random.Random) -> Damage:
    """Stop a worker until its run is another's and got on, then let it go on as if nothing had happened."""
    job = on.submit(small(**LONG))
    while True:
        blow, process = somebody_at_work(on, chance)
        send(process, signal.SIGSTOP)
        on.pass_time(LEASE + 3)
        got_on = is_trained_by_another(on, blow.hit)
        send(process, signal.SIGCONT)
        # On SQLite, a process that is stopped inside a transaction keeps everybody waiting: once more, then.
        if got_on:
            break
    on.finish()
    return of_job(on.store, job)


def is_trained_by_another(on: Installation, hit: Sight) -> bool:
    now = on.observer.sights[hit.id]
    return now.token > hit.token and now.step > hit.step


@pytest.mark.parametrize("program", ["worker", "tests.faults.untimed_worker"])
def test_a_zombie_writes_nothing(program: str, installation: Installation, chance: random.Random) -> None:
    backwards = installation.observer.backwards
    with installation.other_workers(program):
        assert let_a_zombie_wake_up(installation, chance) == Damage()
    assert installation.observer.backwards == backwards


def test_without_fencing_a_zombie_does_damage_that_is_seen(installation: Installation, chance: random.Random) -> None:
    """The negative control of the test above."""
    with installation.other_workers("tests.faults.unfenced_worker"):
        damage = let_a_zombie_wake_up(installation, chance)
    assert damage.stale > 0, damage
    assert damage.backwards + damage.duplicated + damage.different + damage.lost > 0, damage


def test_a_run_that_kills_its_workers_fails_alone(installation: Installation) -> None:
    with installation.other_workers("tests.faults.poisoned_worker"):
        poison = installation.submit(small(seed=poisoned_worker.SEED))
        healthy = installation.submit(next(batches()))
        installation.finish()
    [run] = installation.store.runs.list(job_id=poison).items
    assert (run.state, run.attempt, run.step) == (State.FAILED, 3, 0)
    assert run.error is not None
    assert run.error["type"] == "crashed"
    assert of_job(installation.store, healthy) == Damage()
