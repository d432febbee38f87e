"""Runs that a worker trains together end as each does alone, and the fault of one does not affect the others."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from gatelab.settings import Settings
from gatelab.store import Claim, Report, Run, State, Store
from gatelab.store.tables import checkpoints, metrics
from gatelab.training import Pack
from gatelab.training.pack import News
from gatelab.wire.runs import RunError
from tests.databases import migrate
from tests.store.conftest import claimed, expire
from tests.waiting import retry_at_once
from tests.worker.conftest import (
    SPEC,
    STEPS,
    TEXT,
    assert_as_trained_in_one_go,
    at_call,
    both_databases,
    never,
    queue,
    take_away,
    worker_settings,
)
from worker import cadence
from worker import slice as slices
from worker.slice import Slice

MANY = 100
EVERY_STEP = {"checkpoint_seconds": 1e-9}
OWN = [
    {"kind": "adam", "lr": 0.05},
    {"kind": "adam", "lr": 0.01, "betas": [0.5, 0.9]},
    {"kind": "adam", "lr": 0.2, "eps": 1e-4},
    {"kind": "adam", "lr": 0.001},
]
GRID = SPEC | {"grid": {"training.optimizer": OWN}}
"""Four runs of equal shape."""


@pytest.fixture(autouse=True)
def _records_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "CHECKPOINT_SHARE", 0)


@pytest.fixture
def changed(database_url: str, settings: Settings) -> Callable[..., Settings]:
    return partial(worker_settings, database_url, settings.data_dir)


def train_pack(store: Store, settings: Settings, stopping: Callable[[], bool] = never) -> Claim:
    """One slice of the run that has waited longest, with as many others as the settings allow."""
    claim = claimed(store)
    Slice(store, settings, claim, stopping, pack_size=lambda *_, **__: MANY).run()
    return claim


def train_all(store: Store, settings: Settings) -> int:
    slices = 0
    while store.count_runs().runs[State.QUEUED]:
        train_pack(store, settings)
        slices += 1
    return slices


def runs(store: Store, job: str | None = None) -> list[Run]:
    return store.runs.list(job_id=job).items


@both_databases
@pytest.mark.parametrize(("max_pack", "expected"), [(16, 1), (3, 2), (1, 4)])
def test_runs_come_out_the_same_alone_and_together(
    max_pack: int, expected: int, store: Store, changed: Callable[..., Settings]
) -> None:
    queue(store, GRID)
    assert train_all(store, changed(max_pack=max_pack)) == expected
    for run in runs(store):
        assert (run.attempt, run.engine is not None) == (1, True)
        assert_as_trained_in_one_go(store, run.id)
    assert len({run.weights_sha256 for run in runs(store)}) == len(OWN)
    together = sorted((run.metrics and run.metrics.trained_together) or 1 for run in runs(store))
    assert together == {16: [4] * 4, 3: [1, 3, 3, 3], 1: [1] * 4}[max_pack]


@both_databases
def test_packs_of_one_step_change_nothing(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, GRID)
    short = changed(slice_seconds=1e-9, **EVERY_STEP)
    assert train_all(store, short) == STEPS + 3, "each takes all four a step, or an evaluation, further"
    for run in runs(store):
        assert_as_trained_in_one_go(store, run.id)


def test_only_runs_of_equal_shape_are_taken(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, SPEC | {"grid": {"model.cell.hidden": [5, 6], "training.seed": [0, 1]}})
    seen: list[list[State]] = []

    def look() -> bool:
        seen.append([run.state for run in runs(store)])
        return True

    train_pack(store, changed(), look)
    together, apart = State.RUNNING, State.QUEUED
    assert seen == [[together, together, apart, apart]]


def test_runs_of_several_lengths_end_one_by_one(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, SPEC | {"grid": {"training.epochs": [1, 3, 2], "training.clip_norm": [None, 0.1]}})
    assert train_all(store, changed()) == 1
    for run in runs(store):
        assert_as_trained_in_one_go(store, run.id)
    done = [run.finished_at or math.inf for run in runs(store)]
    assert max(done[:2]) < min(done[4:]) <= max(done[4:]) < min(done[2:4])


def test_what_pays_is_asked_of_the_shape_and_the_machine(store: Store, settings: Settings) -> None:
    queue(store, GRID)
    asked: list[Any] = []

    def pack_size(*arguments: Any, **named: Any) -> int:
        asked.append((arguments, named))
        return 2

    claim = claimed(store)
    Slice(store, settings, claim, never, pack_size=pack_size).run()
    [((spec, vocabulary, engine), named)] = asked
    assert (spec, vocabulary > 10, named) == (claim.spec, True, {"threads": 1, "memory": 0})
    assert engine == store.runs.get(claim.run_id).engine
    assert [run.state for run in runs(store)] == [State.SUCCEEDED] * 2 + [State.QUEUED] * 2


# -- A fault of one run ----------------------------------------------------------------------------------------------


def check_the_others(store: Store, but: str) -> Run:
    """Check that all runs except for one have their usual results. Returns that one."""
    for run in runs(store):
        if run.id != but:
            assert_as_trained_in_one_go(store, run.id)
    return store.runs.get(but)


@both_databases
def test_who_diverges_fails_alone(store: Store, changed: Callable[..., Settings]) -> None:
    # Every step multiplies the weights by 1 - lr * weight_decay = -9, until they overflow.
    rates = [{"kind": "sgd", "lr": 0.1}, {"kind": "sgd", "lr": 10, "weight_decay": 1}, {"kind": "sgd", "lr": 1}]
    queue(store, SPEC | {"grid": {"training.optimizer": rates}}, epochs=12)
    assert train_all(store, changed()) == 1
    run = check_the_others(store, runs(store)[1].id)
    assert run.error is not None
    assert (run.state, run.error.type) == (State.FAILED, "diverged")
    assert len(store.metrics.list(run.id)) == run.epoch > 0


@both_databases
@pytest.mark.parametrize("asked", ["cancel", "pause"])
def test_who_is_cancelled_or_paused_leaves_the_pack(asked: str, store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, GRID)
    other = queue(store, SPEC)
    steer = store.jobs.cancel if asked == "cancel" else store.jobs.pause
    train_pack(store, changed(**EVERY_STEP), at_call(4, lambda: not steer(other)))
    [it] = runs(store, other)
    run = check_the_others(store, it.id)
    assert (run.state, run.step) == (State.CANCELLED if asked == "cancel" else State.PAUSED, 4)
    assert store.checkpoints.find(run.id).step == 4
    if asked == "pause":
        store.jobs.resume(other)
        assert train_all(store, changed()) == 1
        assert_as_trained_in_one_go(store, run.id)


@both_databases
def test_who_is_lost_to_another_worker_is_not_written_any_more(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, GRID)
    taken = runs(store)[2]
    before: list[Any] = []

    def lose() -> bool:
        claim = take_away(store, taken.id)
        before.extend([claim, store.runs.get(taken.id), store.metrics.list(taken.id)])
        return False

    train_pack(store, changed(**EVERY_STEP), at_call(7, lose))
    run = check_the_others(store, taken.id)
    claim, *rest = before
    assert [run, store.metrics.list(run.id)] == rest
    Slice(store, changed(), claim, never).run()
    assert_as_trained_in_one_go(store, run.id)


def test_whose_steps_are_recorded_already_is_left_to_the_reaper(store: Store, changed: Callable[..., Settings]) -> None:
    """If the store refuses one run's records, the others are not affected."""
    queue(store, GRID)
    refused = runs(store)[1].id

    def record_before() -> bool:
        with store.database.write() as connection:
            connection.execute(insert(metrics).values(run_id=refused, step=4, epoch=1, tokens=0))
        return False

    train_pack(store, changed(**EVERY_STEP), at_call(2, record_before))
    assert check_the_others(store, refused).state == State.RUNNING
    expire(store, refused)
    assert store.reaper.reap() == [refused]


def stop_halfway(store: Store, changed: Callable[..., Settings]) -> list[Run]:
    """Four runs, queued again in their second epoch with the checkpoints of the last three steps."""
    queue(store, GRID)
    train_pack(store, changed(**EVERY_STEP), at_call(7, lambda: True))
    assert {(run.state, run.step) for run in runs(store)} == {(State.QUEUED, 5)}, "the start and an evaluation count"
    return runs(store)


@pytest.mark.parametrize("step", [5, 4])
def test_a_corrupt_checkpoint_is_given_up_by_its_run_alone(
    step: int, store: Store, changed: Callable[..., Settings]
) -> None:
    hurt = stop_halfway(store, changed)[1]
    with store.database.write() as connection:
        of_run = checkpoints.c.run_id == hurt.id, checkpoints.c.step >= step
        connection.execute(update(checkpoints).where(*of_run).values(data=b"rust"))
    assert train_all(store, changed()) == 1
    check_the_others(store, hurt.id)
    assert_as_trained_in_one_go(store, hurt.id)


def test_a_checkpoint_that_is_none_fails_its_run_alone(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, GRID)
    bad = claimed(store)
    store.claims.record(bad, Report(step=3, epoch=0, checkpoint=b"not a checkpoint", next_state=State.QUEUED))
    assert train_all(store, changed()) == 1
    run = check_the_others(store, bad.run_id)
    assert run.error is not None
    assert (run.state, run.error.type) == (State.FAILED, "corrupt-checkpoint")


@pytest.mark.usefixtures("store")
def test_a_run_whose_checkpoint_is_missing_goes_on_from_the_one_before(changed: Callable[..., Settings]) -> None:
    filing = changed(inline_checkpoint_bytes=0)
    with Store(filing) as store:
        hurt = stop_halfway(store, changed)[1]
        [file] = Path(filing.blob_dir, hurt.id).glob("*-5-*")
        file.unlink()
        train_all(store, changed())
        assert check_the_others(store, hurt.id).state == State.SUCCEEDED
        assert_as_trained_in_one_go(store, hurt.id)


# -- A fault of all runs ----------------------------------------------------------------------------------------------


def test_a_fault_of_nobody_in_particular_is_found_when_each_is_alone(
    store: Store, changed: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Pack):
        """Fails in its fourth round, together with all other members."""

        def round(self) -> News:
            if any(t.spec.training.seed == 2 and t.position.step == 3 for t in self.members.values()):
                raise ZeroDivisionError("of what?")
            return super().round()

    monkeypatch.setattr(slices, "Pack", Broken)
    queue(store, SPEC | {"repeats": 4})
    train_pack(store, changed())
    assert {(run.state, run.crash_count) for run in runs(store)} == {(State.QUEUED, 1)}
    assert train_all(store, changed()) == 4
    run = check_the_others(store, runs(store)[2].id)
    assert run.error == RunError(type="error", message="ZeroDivisionError: of what?")


def test_a_pack_survives_a_database_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch)
    folder = tmp_path / "data"
    settings = worker_settings(f"sqlite:///{folder}/gatelab.db", folder)
    away = folder.with_name("away")

    def pull_the_plug() -> bool:
        store.close()
        folder.rename(away)
        return True

    migrate(settings)
    with Store(settings) as store:
        store.corpora.add("wells", TEXT)
        queue(store, GRID)
        train_pack(store, settings, at_call(3, pull_the_plug))
        away.rename(folder)
        assert {run.state for run in runs(store)} == {State.RUNNING}, "the worker could not report it"
        for run in runs(store):
            expire(store, run.id)
        assert len(store.reaper.reap()) == len(OWN)
        assert train_all(store, settings) == len(OWN), "each alone: one of them may have done it"
        for run in runs(store):
            assert_as_trained_in_one_go(store, run.id)


def test_a_corpus_that_is_too_short_fails_each(store: Store, changed: Callable[..., Settings]) -> None:
    queue(store, GRID, num_steps=1000)
    train_all(store, changed())
    assert {run.error.type for run in runs(store) if run.error} == {"invalid-spec"}
    assert {run.state for run in runs(store)} == {State.FAILED}
