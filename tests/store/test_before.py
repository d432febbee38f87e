"""An installation that an earlier version left behind opens, continues, and ends with the weights it would have had.

`before/installation.db.gz` was written before `gatelab.wire` existed. It has a run that ended, one with the same spec
that is paused in its second epoch with a carried state and a damaged checkpoint, one that diverged with a perplexity
beyond all numbers, one that was cancelled and one that waits. Together they have events of all types at that time.
"""

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.settings import Settings
from gatelab.store import FINISHED, Run, State, Store
from gatelab.store.migrate import upgrade
from gatelab.text import Corpus
from gatelab.training import train
from gatelab.wire.events import CheckpointCorrupt, RunEvaluated, RunFailed
from service.jobs.views import Job as JobView
from service.runs.views import Run as RunView
from tests.events import events_of
from tests.rounding import assert_rounded
from tests.worker.conftest import train_all, worker_settings

KNOWN_THEN = {
    *("job_created", "run_started", "state", "progress", "evaluation", "sample", "checkpoint_corrupt"),
    *("run_succeeded", "run_failed", "run_cancelled", "job_finished"),
}
FILE = Path(__file__).parent / "before" / "installation.db.gz"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "gatelab.db").write_bytes(gzip.decompress(FILE.read_bytes()))
    found = worker_settings(f"sqlite:///{tmp_path}/gatelab.db", tmp_path)
    upgrade(found)
    return found


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings) as store:
        yield store


def run_of(store: Store, name: str) -> Run:
    [job] = [job for job in store.jobs.list().items if job.name == name]
    [run] = store.runs.list(job_id=job.id).items
    return run


def test_everything_is_there_and_is_answered(store: Store) -> None:
    states = {job.name: JobView.of(job).state for job in store.jobs.list().items}
    assert states == {
        "whole": "succeeded", "half": "paused", "diverged": "failed", "cancelled": "cancelled", "waiting": "queued",
    }  # fmt: skip
    ended = RunView.of(run_of(store, "whole")).metrics
    assert ended.validation_perplexity == 16.366554645729266, "what was stored is shown"
    assert ended.validation_loss == pytest.approx(math.log(16.366554645729266))
    assert (ended.ended_by, ended.vocabulary, ended.test_tokens) == ("epochs", 26, 38)
    assert len(store.metrics.list(run_of(store, "whole").id)) == 4
    assert store.metrics.list(run_of(store, "whole").id)[-1].gates is not None
    assert [sample.epoch for sample in store.samples.list(run_of(store, "whole").id)] == [1, 2, 3, 4]


def test_a_failure_says_why_though_its_step_is_in_the_words_alone(store: Store) -> None:
    run = RunView.of(run_of(store, "diverged"))
    assert run.error is not None
    assert (run.error.type, run.error.step) == ("diverged", None)
    [record] = store.results.of_job(run.job)
    assert record.error == run.error
    assert run.metrics.validation_perplexity is None
    assert store.metrics.list(run.id)[-1].validation_loss == pytest.approx(1.79e32, rel=0.01)


def test_events_of_every_type_are_read(store: Store) -> None:
    told = [event.told for job in store.jobs.list().items for event in events_of(store, job.id)]
    assert {event.type for event in told} == KNOWN_THEN
    evaluations = [event for event in told if isinstance(event, RunEvaluated)]
    assert all(event.step > 0 and event.total_steps for event in evaluations)
    assert any(event.validation_loss for event in evaluations)
    [corrupt] = [event for event in told if isinstance(event, CheckpointCorrupt)]
    assert (corrupt.step, corrupt.resumed_from) == (5, 4)
    [failed] = [event for event in told if isinstance(event, RunFailed)]
    assert failed.error is not None


def test_a_paused_run_goes_on_and_ends_with_the_same_weights(store: Store, settings: Settings) -> None:
    half, whole = run_of(store, "half"), run_of(store, "whole")
    assert (half.state, half.step, half.epoch) == (State.PAUSED, 6, 1)
    checkpoint = Checkpoint.from_bytes(store.checkpoints.get(half.id).data)
    assert checkpoint.carried, "in the middle of an epoch"
    store.jobs.resume(half.job_id)
    train_all(store, settings)
    assert all(run.state in FINISHED for run in store.runs.list().items)
    ours, before = (Checkpoint.from_bytes(store.checkpoints.get(id).data) for id in (half.id, whole.id))
    assert (ours.position.step, ours.position.epoch) == (before.position.step, before.position.epoch)
    # Another machine than that of the earlier version may round differently: 20 steps, each through 8 tokens.
    assert_rounded(ours.weights, before.weights, terms=20 * 8 * 2 * (4 + 4))
    # On the same machine, rounding is the same.
    corpus = Corpus(*store.corpora.named_text(half.corpus_id))
    *_, last = train(half.spec, corpus, threads=1, resume=checkpoint)
    assert ours.weights_sha256() == last.checkpoint().weights_sha256()
    assert run_of(store, "half").weights_sha256 == ours.weights_sha256()
