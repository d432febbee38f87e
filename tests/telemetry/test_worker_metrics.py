"""A worker's metrics of its training, which survive when its child is killed."""

import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pytest

from gatelab.settings import Settings
from gatelab.store import Store
from tests.databases import migrate
from tests.faults.installation import children_of
from tests.processes import free_port, read_log, running
from tests.store.conftest import claimed
from tests.telemetry.exposed import Exposed
from tests.waiting import eventually
from tests.worker.conftest import (
    SPEC,
    STEPS,
    TEXT,
    at_call,
    only_run,
    queue,
    settings,
    store,
    take_away,
    train_slice,
)
from tests.worker.conftest import database_url as database_url
from worker import recording
from worker import slice as slicing
from worker.child import Child
from worker.telemetry import exposition
from worker.telemetry.meter import METER, STEP_SECONDS, Meter
from worker.telemetry.shared_memory import SharedNumbers

__all__ = ["settings", "store"]


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """A meter at zero, which everything in this process uses."""
    fresh = Meter(SharedNumbers(list(METER.memory.names), 3))
    monkeypatch.setattr(slicing, "METER", fresh)
    monkeypatch.setattr(recording.Recorder.__init__, "__defaults__", (fresh,))
    monkeypatch.setattr("worker.child.METER", fresh)
    return fresh


def exposed(meter: Meter) -> Exposed:
    from prometheus_client import generate_latest

    return Exposed(generate_latest(exposition.registry(meter.memory)).decode())


def test_steps_tokens_and_records_of_a_run_are_counted(store: Store, settings: Settings, meter: Meter) -> None:
    queue(store)
    train_slice(store, settings)
    run = store.runs.get(only_run(store))
    found = exposed(meter)
    assert found.value("gatelab_train_steps_total") == STEPS == run.step
    assert found.value("gatelab_train_tokens_total") == store.metrics.list(run.id)[-1].tokens
    assert found.value("gatelab_train_step_seconds_count") == STEPS
    assert run.metrics is not None
    assert run.metrics.seconds is not None
    assert 0 < found.value("gatelab_train_step_seconds_sum") <= run.metrics.seconds
    assert found.value("gatelab_record_seconds_count") == 1
    assert found.value("gatelab_claims_total") == 1
    assert found.value("gatelab_training_runs") == 0


def test_steps_of_runs_in_a_pack_count_each(store: Store, settings: Settings, meter: Meter) -> None:
    queue(store, SPEC | {"repeats": 3})
    train = slicing.Slice(store, settings, claimed(store), lambda: False, pack_size=lambda *_, **__: 3)
    assert exposed(meter).value("gatelab_training_runs") == 1
    train.run()
    found = exposed(meter)
    assert found.value("gatelab_train_steps_total") == 3 * STEPS
    assert found.value("gatelab_claims_total") == 3
    assert found.value("gatelab_training_runs") == 0


def test_a_run_that_is_taken_away_is_a_lost_lease(store: Store, settings: Settings, meter: Meter) -> None:
    queue(store)
    train_slice(store, settings, at_call(2, lambda: take_away(store, only_run(store))))
    found = exposed(meter)
    assert found.value("gatelab_lease_losses_total") == 1
    assert found.value("gatelab_record_seconds_count") == 0, "what is not written was not recorded"


def test_a_run_that_is_taken_back_is_a_recovery(store: Store, settings: Settings, meter: Meter) -> None:
    from tests.store.conftest import expire

    queue(store)
    claim = claimed(store)
    child = Child(settings, send_wakeup=lambda: None)
    child._reap()
    assert exposed(meter).value("gatelab_recoveries_total") == 0
    expire(store, claim.run_id)
    child._reap()
    assert exposed(meter).value("gatelab_recoveries_total") == 1
    child.store.close()


def test_a_histogram_has_every_step_in_the_bucket_of_its_time(meter: Meter) -> None:
    for seconds in (*STEP_SECONDS.bounds, 1e9):
        meter.stepped(1, seconds)
    found = exposed(meter)
    bounds = [*map(str, STEP_SECONDS.bounds), "+Inf"]
    counts = [found.value("gatelab_train_step_seconds_bucket", le=bound) for bound in bounds]
    assert counts == list(accumulate([1] * len(bounds)))
    assert found.value("gatelab_train_step_seconds_sum") == pytest.approx(sum(STEP_SECONDS.bounds) + 1e9)


def test_children_count_in_rows_of_their_own(meter: Meter) -> None:
    for number in (0, 1):
        meter.take_row(number)
        meter.training(2)
        meter.stepped(10, 0.1)
    assert exposed(meter).value("gatelab_train_tokens_total") == 20
    assert exposed(meter).value("gatelab_training_runs") == 4
    meter.take_row(1)  # a dead child's successor continues with its counts, and trains nothing yet
    found = exposed(meter)
    assert (found.value("gatelab_train_tokens_total"), found.value("gatelab_training_runs")) == (20, 2)
    assert found.value("gatelab_child_starts_total") == 3


@contextmanager
def worker(folder: Path, redis_url: str, port: int) -> Iterator[int]:
    haste = {"POLL_SECONDS": "0.2", "THREADS": "1", "DEVICE": "cpu", "LOG_JSON": "true", "SLICE_SECONDS": "1"}
    told = {"DATA_DIR": str(folder), "BROKER_URL": redis_url, "METRICS_PORT": str(port)} | haste
    environment = {**os.environ, **{f"GATELAB_{name}": value for name, value in told.items()}}
    with running([sys.executable, "-m", "worker"], folder, environment=environment) as process:
        yield process.pid


def test_a_worker_answers_prometheus_and_outlives_its_child(tmp_path: Path, redis_url: str) -> None:
    port = free_port()

    def scrape() -> Exposed:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return Exposed(answer.read().decode())
        except OSError:
            return Exposed("")

    here = Settings(data_dir=tmp_path)
    migrate(here)
    with Store(here) as store, worker(tmp_path, redis_url, port) as parent:
        store.corpora.add("wells", TEXT)
        queue(store)
        eventually(lambda: scrape().value("gatelab_train_steps_total") == STEPS, "the run is trained")
        assert scrape().value("gatelab_child_resident_memory_bytes") > 0
        [child] = children_of(parent)
        os.kill(child, signal.SIGKILL)
        eventually(lambda: scrape().value("gatelab_child_starts_total") == 2, "another child is there")
        assert scrape().value("gatelab_train_steps_total") == STEPS
        queue(store)
        eventually(lambda: scrape().value("gatelab_train_steps_total") == 2 * STEPS, "the other child trains")
    assert '"event": "metrics"' in read_log(tmp_path)


def test_a_worker_whose_port_is_taken_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    from gatelab import logs

    logs.configure(as_json=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        exposition.serve(Settings(metrics_port=port))
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
