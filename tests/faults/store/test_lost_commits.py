"""If the connection is lost around a COMMIT, everything is written once, whether the COMMIT succeeded or not."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.specs import JobSpec
from gatelab.store import FINISHED, Claim, Corpus, IdempotencyKey, Job, Report, State, Store
from gatelab.wire.evaluations import Evaluation, Sample
from gatelab.wire.events import Progress
from tests.faults.store.checks import check_history, queue
from tests.faults.store.proxy import Cut, Proxy, proxy_to
from tests.leases import renew
from tests.store.conftest import claimed, event_types, expire, token
from tests.worker.conftest import TEXT, assert_as_trained_in_one_go
from tests.worker.conftest import queue as queue_training
from worker import cadence
from worker.slice import Slice

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.parametrize("how", get_args(Cut))]

REPORT: dict[str, Any] = {
    "step": 10,
    "epoch": 1,
    "metrics": [Evaluation(step=10, epoch=1)],
    "samples": [Sample(step=10, epoch=1, prefix="", text="")],
    "events": [Progress(step=10)],
}


@pytest.fixture
def proxied(settings: Settings) -> Iterator[tuple[Proxy, Settings]]:
    with proxy_to(settings.database_url.get_secret_value()) as (proxy, url):
        yield proxy, settings.model_copy(update={"database_url": SecretStr(url), "lease_seconds": 5.0})


@pytest.fixture
def proxy(proxied: tuple[Proxy, Settings]) -> Proxy:
    return proxied[0]


@pytest.fixture
def remote(proxied: tuple[Proxy, Settings]) -> Iterator[Store]:
    """The store as a worker sees it, through the proxy."""
    with Store(proxied[1]) as store:
        yield store


@pytest.fixture
def claim(store: Store, remote: Store) -> Claim:
    queue(store, jobs=1, each=1)
    return claimed(remote)


def lose(proxy: Proxy, how: Cut, action: Callable[[], object]) -> None:
    """Check that an action whose connection is lost reports it."""
    proxy.cut(how)
    with pytest.raises(Unavailable):
        action()
    assert proxy.has_cut


@pytest.mark.parametrize("data", [b"small", b"large" * 100])
@pytest.mark.parametrize("then", [None, State.QUEUED, State.SUCCEEDED])
def test_a_report_is_written_once(
    store: Store, remote: Store, proxy: Proxy, claim: Claim, how: Cut, then: State | None, data: bytes
) -> None:
    proxy.cut(how)
    remote.claims.record(claim, Report(**REPORT, checkpoint=data, next_state=then))
    assert proxy.has_cut
    run = store.runs.get(claim.run_id)
    assert (run.state, run.step) == (then or State.RUNNING, 10)
    assert (len(store.metrics.list(run.id)), len(store.samples.list(run.id))) == (1, 1)
    assert store.checkpoints.get(run.id).data == data
    assert event_types(store, claim.job_id).count("progress") == 1
    check_history(store, claim.job_id)


def test_a_heartbeat_that_was_lost_does_no_harm(
    store: Store, remote: Store, proxy: Proxy, claim: Claim, how: Cut
) -> None:
    lose(proxy, how, lambda: renew(remote, claim))
    renew(remote, claim)
    assert store.reaper.reap() == []
    assert event_types(store, claim.job_id) == ["job_created", "run_started"]


def test_a_claim_whose_answer_was_lost_is_taken_back(store: Store, remote: Store, proxy: Proxy, how: Cut) -> None:
    [job] = queue(store, jobs=1, each=1)
    [run] = store.runs.list(job_id=job.id).items
    lose(proxy, how, lambda: remote.claims.claim("unlucky"))
    if how == "before":
        again = claimed(remote)
    else:
        while store.runs.get(run.id).state is State.QUEUED:  # it is late
            pass
        assert remote.claims.claim("other") is None
        expire(store, run.id)
        assert remote.reaper.reap() == [run.id]
        again = claimed(remote)
    assert (again.run_id, again.token) == (run.id, 1 if how == "before" else 2)
    check_history(store, job.id)


def test_a_run_whose_reaper_was_cut_off_is_taken_back_once(
    store: Store, remote: Store, proxy: Proxy, claim: Claim, how: Cut
) -> None:
    expire(store, claim.run_id)
    lose(proxy, how, remote.reaper.reap)
    while store.runs.get(claim.run_id).state is State.RUNNING:
        store.reaper.reap()
    assert (store.runs.get(claim.run_id).crash_count, token(store, claim.run_id)) == (1, 1)
    check_history(store, claim.job_id)


def test_a_job_that_is_asked_for_again_is_made_once(
    store: Store, remote: Store, proxy: Proxy, corpus: Corpus, how: Cut
) -> None:
    spec = JobSpec(corpus=corpus.name)
    key = IdempotencyKey("caller", "key", "a" * 64)

    def create() -> Job:
        return remote.jobs.create(spec, corpus.id, [spec.base()], key)

    lose(proxy, how, create)
    job = create()
    assert [found.id for found in store.jobs.list().items] == [job.id]
    check_history(store, job.id)


@pytest.mark.parametrize("number", [0, 2, 7, 16])
def test_a_run_trains_to_the_same_weights_whatever_commit_is_lost(
    store: Store,
    proxied: tuple[Proxy, Settings],
    how: Cut,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)
    proxy, settings = proxied
    settings = settings.model_copy(update={"checkpoint_seconds": 1e-9, "device": "cpu", "threads": 1})
    store.corpora.add("wells", TEXT)
    job = queue_training(store)
    [run] = store.runs.list(job_id=job).items
    with Store(settings) as remote:
        proxy.cut(how, after=number)
        while store.runs.get(run.id).state not in FINISHED:
            work(remote, settings)
            expire(store, run.id)
            store.reaper.reap()
    assert proxy.has_cut
    assert_as_trained_in_one_go(store, run.id)
    check_history(store, job)


def work(remote: Store, settings: Settings) -> None:
    """The actions of a worker until it is idle, or has no database."""
    with suppress(Unavailable):
        while claim := remote.claims.claim("worker"):
            Slice(remote, settings, claim, lambda: False).run()
