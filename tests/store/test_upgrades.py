"""A database of every earlier revision, with rows of that revision, is upgraded to the newest one with its data."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, insert

import migrations
from gatelab.settings import Settings
from gatelab.specs import RunSpec, shape_key
from gatelab.store import FINISHED, IdempotencyKey, State, Store
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from gatelab.store.engine import Database
from gatelab.store.migrate import pending, revisions, upgrade
from gatelab.store.tables import deleted_runs
from gatelab.wire.runs import RunError
from service.jobs.views import (
    Job,
)
from service.runs.views import (
    Run,
)
from tests.events import events_of
from tests.store.conftest import settings_for

TEXT = "a text from before, with ünicode and \0 in it. " * 20
BLOB = b"a large checkpoint from before"
SMALL = b"a small one"
SPEC = {"corpus": "old", "model": {"cell": {"kind": "gru", "hidden": 8}}, "training": {"epochs": 2}}
CREATED = 1_700_000_000.25


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    config.attributes["connection"] = connection
    return config


REVISIONS = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def test_the_names_of_the_scripts_are_their_revisions() -> None:
    assert list(revisions()) == REVISIONS


def rows() -> dict[str, list[dict[str, Any]]]:
    """Everything that an installation may hold, table by table. A revision gets those of its tables and columns."""
    digest = hashlib.sha256(BLOB).hexdigest()
    runs = [
        {
            "id": f"run-{state}", "job_id": "job-1", "index": number, "state": state, "spec": SPEC, "step": 40 * number,
            "corpus_id": "corpus-1", "parameters": 300, "total_steps": 400, "epoch": number, "token": 3, "attempt": 2,
            "metrics": {"validation_perplexity": 7.5, "bits_per_character": 2.9},
            "sample": {"prefix": "a", "text": "b"},
            "error": {"type": "diverged", "message": "the loss is nan"} if state == "failed" else None,
            "device": "cpu", "crash_count": 0, "cancel_requested": False, "pause_requested": False,
            "queued_at": CREATED, "woken_at": CREATED, "started_at": CREATED + 1, "created_at": CREATED,
            "finished_at": CREATED + 9 if State(state) in FINISHED else None,
            "owner": "gone:1" if state == "running" else None,
            "lease_until": CREATED if state == "running" else None,
            "weights_sha256": "ab" * 32, "engine": "native",
            "shape": shape_key(RunSpec.model_validate(SPEC)), "predicted_seconds": 4.5,
            "work": None,
        }
        for number, state in enumerate(State)
    ]  # fmt: skip
    metric = {
        "run_id": "run-succeeded", "step": 40, "epoch": 1, "train_loss": 2.5, "validation_loss": 2.25,
        "test_loss": None,
        "validation_bits_per_character": 3.2, "tokens": 4000, "seconds": 1.5, "tokens_per_second": 2666.0,
        "gates": [{"update": {"mean": 0.5, "near_zero": 0.1, "near_one": 0.2}}],
    }  # fmt: skip
    checkpoint = {"run_id": "run-succeeded", "epoch": 1, "token": 3, "created_at": CREATED}
    return {
        "corpora": [
            {
                "id": "corpus-1", "name": "old", "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
                "characters": len(TEXT), "bytes": len(TEXT.encode()), "text": TEXT.encode(), "created_at": CREATED,
            }
        ],
        "jobs": [
            {
                "id": "job-1", "name": "before", "spec": SPEC | {"name": "before", "repeats": len(State)},
                "corpus_id": "corpus-1", "created_at": CREATED, "event_count": 1,
            }
        ],
        "runs": runs,
        "metrics": [metric],
        "samples": [{"run_id": "run-succeeded", "step": 40, "epoch": 1, "prefix": "a\0", "text": "ü\0"}],
        "checkpoints": [
            checkpoint | {"step": 20, "sha256": hashlib.sha256(SMALL).hexdigest(), "size": len(SMALL), "data": SMALL},
            checkpoint | {"step": 40, "sha256": digest, "size": len(BLOB), "data": None},
        ],
        "events": [
            {
                "job_id": "job-1", "seq": 1, "run_id": None, "type": "job_created", "data": {"name": "before"},
                "created_at": CREATED,
            }
        ],
        "idempotency_keys": [
            {
                "caller": "anybody", "key": "k", "request_sha256": "ef" * 32, "job_id": "job-1",
                "created_at": 4_000_000_000.0,
            }
        ],
        "deleted_runs": [{"run_id": "run-long-gone", "deleted_at": CREATED}],
    }  # fmt: skip


def fill(database: Database, revision: str, blob_dir: Path) -> None:
    """Make the tables of `revision` and put rows into them that fit it."""
    with database.write() as connection:
        command.upgrade(_config(connection), revision)
        found = MetaData()
        found.reflect(connection)
        for name, values in rows().items():
            if name in found.tables:
                table = found.tables[name]
                known = [{key: value for key, value in row.items() if key in table.c} for row in values]
                connection.execute(insert(table), known)
    folder = blob_dir / "run-succeeded"
    folder.mkdir(parents=True)
    (folder / f"3-40-{hashlib.sha256(BLOB).hexdigest()}").write_bytes(BLOB)


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def upgraded(empty: Settings, revision: str) -> Settings:
    database = Database(empty.database_url.get_secret_value())
    fill(database, revision, empty.blob_dir)
    assert pending(database) == (revision != REVISIONS[-1])
    upgrade(empty)
    assert not pending(database)
    database.close()
    return empty


def test_all_data_are_there_and_can_be_read(upgraded: Settings, revision: str) -> None:
    has_digests, has_engines, has_gates = (revision >= since for since in ("0002", "0003", "0005"))
    with Store(upgraded) as store:
        corpus = store.corpora.get("old")
        assert store.corpora.text(corpus.id) == TEXT
        job = store.jobs.get("job-1")
        assert Job.of(job).runs.total == len(State)
        assert (job.spec.repeats, job.created_at, job.state) == (len(State), CREATED, State.RUNNING)
        runs = {run.state: run for run in store.runs.list().items}
        assert set(runs) == set(State)
        for number, state in enumerate(State):
            shown = Run.of(runs[state])
            assert (shown.step, shown.epoch, shown.sample, shown.metrics.bits_per_character) == (
                40 * number,
                number,
                "ab",
                2.9,
            )
            assert (runs[state].weights_sha256, runs[state].engine) == (
                "ab" * 32 if has_digests else None,
                "native" if has_engines else None,
            )
        assert runs[State.FAILED].error == RunError(type="diverged", message="the loss is nan")
        [metric] = store.metrics.list("run-succeeded")
        assert (metric.validation_loss, metric.test_loss, metric.gates is not None) == (2.25, None, has_gates)
        [sample] = store.samples.list("run-succeeded")
        assert (sample.prefix, sample.text) == ("a\0", "ü\0")
        assert store.checkpoints.get("run-succeeded", 20).data == SMALL
        assert store.checkpoints.get("run-succeeded", "latest").data == BLOB
        assert store.checkpoints.get("run-succeeded", "best").step == 40
        assert [event.type for event in events_of(store, "job-1")] == ["job_created"]
        key = IdempotencyKey("anybody", "k", "ef" * 32)
        assert (store.jobs.made_by(key) is not None) == has_digests


def test_it_can_be_worked_with(upgraded: Settings) -> None:
    with Store(upgraded) as store:
        assert store.reaper.reap() == ["run-running"]
        store.jobs.resume("job-1")
        claim = store.claims.claim("worker")
        assert claim is not None
        assert (claim.run_id, claim.token, claim.step) == ("run-queued", 4, 0)
        # For runs that waited, the shape comes from their spec; it finds other runs to train with them.
        assert shape_key(claim.spec) == shape_key(RunSpec.model_validate(SPEC))
        alike = store.claims.claim_alike(claim, 5)
        # Not the run whose worker fell silent: it is trained alone until it makes progress.
        assert [run.run_id for run in alike] == ["run-paused"]
        for each in (claim, *alike):
            store.claims.release(each)
        store.sweeper.sweep()
        assert store.checkpoints.get("run-succeeded").data == BLOB
        store.jobs.cancel("job-1")
        store.jobs.delete("job-1")
        assert not list(upgraded.blob_dir.rglob("*-*-*"))
        with store.database.read() as connection:
            assert {"run-succeeded", "run-running"} <= set(connection.scalars(deleted_runs.select()))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_backup_of_it_is_restored_and_upgraded(empty: Settings, revision: str, tmp_path: Path) -> None:
    database = Database(empty.database_url.get_secret_value())
    fill(database, revision, empty.blob_dir)
    database.close()
    file = make(empty, tmp_path / "backup.tar").file
    elsewhere = tmp_path / "elsewhere"
    assert restore(file, elsewhere).revision == revision
    restored = settings_for(f"sqlite:///{elsewhere}/gatelab.db", elsewhere)
    upgrade(restored)
    with Store(restored) as store:
        assert json.loads(store.jobs.get("job-1").spec.model_dump_json())["name"] == "before"
        assert store.checkpoints.get("run-succeeded").data == BLOB
