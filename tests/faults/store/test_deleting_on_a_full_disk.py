"""On a full disk, deleting works and returns the space, and then the service accepts work again."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.specs import JobSpec
from gatelab.store import Report, State, Store, deletion
from gatelab.store.engine import Database
from gatelab.store.migrate import upgrade
from gatelab.store.tables import metrics
from tests.databases import migrate
from tests.disks import NO_SMALL_DISK, can_mount, fill, small_disk
from tests.service.installation import Installation, installation, problem, settings_in
from tests.store.conftest import claimed

MEGABYTE = 2**20
MARK = b"what nobody may find"
LARGE = [MARK + os.urandom(6 * MEGABYTE) for _ in range(4)]
ROWS = 3 * deletion.PIECE_ROWS
NAMES = ("wells", "another")

needs_small_disk = pytest.mark.skipif(not can_mount(), reason=NO_SMALL_DISK)


def fill_database(store: Store) -> str:
    """Make two corpora, and a job with large checkpoints and many metrics. Returns the job's id."""
    corpus, _ = (store.corpora.add(name, f"{MARK.decode()} {name} " * 200_000)[0] for name in NAMES)
    spec = JobSpec(corpus="wells", repeats=2)
    job = store.jobs.create(spec, corpus.id, [spec.base()] * 2)
    claim = claimed(store)
    for step, data in enumerate(LARGE, start=1):
        store.claims.record(claim, Report(step=step, epoch=step, checkpoint=data, keep_checkpoints=len(LARGE)))
    rows = [{"run_id": claim.run_id, "step": step, "epoch": 1, "tokens": 1} for step in range(ROWS)]
    with store.database.write() as connection:
        connection.execute(insert(metrics), rows)
    store.claims.record(claim, Report(step=5, epoch=5, next_state=State.SUCCEEDED))
    return job.id


@pytest.fixture(params=["log cleared"])
def full(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Installation, str, Callable[[], int]]]:
    """An installation on a full disk, the id of its job, and a function that returns the number of free bytes."""
    with small_disk(tmp_path / "disk", 96 * MEGABYTE) as disk, installation(disk) as installed:
        assert (disk / "gatelab.db-reserve").stat().st_size == 8 * MEGABYTE, "made at the start"
        job = fill_database(installed.store)
        if request.param == "log cleared":
            assert installed.store.database.forget()
        fill(disk)
        assert shutil.disk_usage(disk).free == 0
        yield installed, job, lambda: shutil.disk_usage(disk).free


def remains(settings: Settings) -> list[str]:
    """The files in which parts of deleted data can still be read."""
    files = [path for path in settings.data_dir.iterdir() if path.name.startswith("gatelab.db")]
    return [path.name for path in files if MARK in path.read_bytes()]


@needs_small_disk
def test_deleting_on_a_full_disk_frees_it(full: tuple[Installation, str, Callable[[], int]]) -> None:
    installed, job, free = full
    new = {"name": "new", "text": "a new text " * 100}
    problem(installed.client.get("/readyz"), 503, "unavailable")
    problem(installed.client.post("/v1/corpora", json=new), 503, "unavailable")

    assert installed.client.delete(f"/v1/jobs/{job}").status_code == 204
    problem(installed.client.get(f"/v1/jobs/{job}"), 404, "not-found")
    assert free() >= sum(map(len, LARGE))
    assert installed.rows()["metrics"] == installed.rows()["jobs"] == installed.rows()["runs"] == 0
    assert installed.client.get("/readyz").status_code == 200
    assert installed.client.post("/v1/corpora", json=new).status_code == 201
    assert (installed.settings.data_dir / "gatelab.db-reserve").exists(), "made again for the next time"

    for name in NAMES:
        assert installed.client.delete(f"/v1/corpora/{name}").status_code == 204
    installed.store.sweeper.sweep()
    assert remains(installed.settings) == []
    with installed.store.database.read() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"


@needs_small_disk
@pytest.mark.parametrize("full", ["log cleared", "log not cleared"], indirect=True)
def test_a_corpus_can_be_the_first_to_go(full: tuple[Installation, str, Callable[[], int]]) -> None:
    installed, _, free = full
    assert installed.client.delete("/v1/corpora/another").status_code == 204
    assert free() >= 200_000 * len(MARK)


@needs_small_disk
def test_without_the_reserve_a_full_disk_stays_full(full: tuple[Installation, str, Callable[[], int]]) -> None:
    """The reserve is needed: if SQLite ever needs no space for a deletion, this file can be removed."""
    installed, job, free = full
    (installed.settings.data_dir / "gatelab.db-reserve").unlink()
    fill(installed.settings.data_dir)
    problem(installed.client.delete(f"/v1/jobs/{job}"), 503, "unavailable")
    assert free() == 0
    assert installed.get(f"/v1/jobs/{job}")["id"] == job, "all of it is there"
    assert installed.rows()["metrics"] == ROWS


# -- Whatever the disk ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for kill -9: nothing after it is executed."""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as installed:
        yield installed


@pytest.mark.parametrize("point", ["_delete_piece", "shrink"])
def test_the_sweeper_finishes_a_deletion_whose_process_died(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(*_: object) -> None:
        raise Killed

    store, job = installed.store, fill_database(installed.store)
    with monkeypatch.context() as dying:
        dying.setattr(Database if point == "shrink" else deletion, point, die)
        with pytest.raises(Killed):
            store.jobs.delete(job)
    problem(installed.client.get(f"/v1/jobs/{job}"), 404, "not-found")
    problem(installed.client.delete(f"/v1/jobs/{job}"), 404, "not-found")
    assert installed.get("/v1/jobs")["data"] == installed.get("/v1/runs")["data"] == []
    assert store.claims.claim("worker") is None, "the run that waited does so no longer"
    store.sweeper.sweep()
    assert installed.rows()["runs"] == installed.rows()["metrics"] == 0
    with store.database.read() as connection:
        assert connection.scalar(text("PRAGMA freelist_count")) == 0
        assert connection.scalar(text("PRAGMA user_version")) == 0
    for name in NAMES:
        store.corpora.delete(name)
    assert remains(installed.settings) == []


def test_the_file_of_an_earlier_version_becomes_one_that_gives_room_back(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    migrate(settings)
    with Store(settings) as store, store.database.engine.connect() as connection:
        raw = connection.connection.cursor()
        raw.execute("PRAGMA auto_vacuum=NONE")
        raw.execute("VACUUM")
        assert raw.execute("PRAGMA auto_vacuum").fetchone()[0] == 0
    with Store(settings) as store:
        store.jobs.delete(fill_database(store))
        assert store.database.path is not None
        store.corpora.delete("wells")
        store.corpora.delete("another")
        assert remains(settings) == [], "it is overwritten"
        before = (tmp_path / "gatelab.db").stat().st_size
        assert before > sum(map(len, LARGE))
    upgrade(settings)
    with Store(settings) as store:
        assert (tmp_path / "gatelab.db").stat().st_size < MEGABYTE
        fill_database(store)
        [job] = store.jobs.list().items
        store.jobs.delete(job.id)
        assert (tmp_path / "gatelab.db").stat().st_size < before / 2


def test_a_deletion_that_waits_for_somebody_else_keeps_the_reserve(installed: Installation) -> None:
    job, reserve = fill_database(installed.store), installed.settings.data_dir / "gatelab.db-reserve"
    impatient = Store(installed.settings, busy_seconds=0.1)
    with impatient, installed.store.database.write(), pytest.raises(Unavailable, match="cannot be reached"):
        impatient.jobs.delete(job)
    assert reserve.exists()
