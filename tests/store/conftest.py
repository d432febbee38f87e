"""A store on an empty database of either kind, and helpers for tests."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from gatelab.settings import Settings
from gatelab.specs import JobSpec
from gatelab.store import Claim, Corpus, Job, Store
from gatelab.store.ids import new_id
from gatelab.store.migrate import upgrade
from gatelab.store.tables import corpora, metadata, runs
from tests.events import events_of

Result = TypeVar("Result")

INLINE_BYTES = 100
"""Larger checkpoints, in bytes, are files."""


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a database without tables."""
    if kind == "sqlite":
        yield settings_for(f"sqlite:///{tmp_path}/gatelab.db", tmp_path)
        return
    with new_schema(request.getfixturevalue("postgres_url")) as url:
        yield settings_for(url, tmp_path)


@pytest.fixture
def settings(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a database with empty tables, migrated once per session, so that a test costs milliseconds."""
    if kind == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        yield settings_for(f"sqlite:///{file}", tmp_path)
        return
    url: str = request.getfixturevalue("migrated_postgres")
    yield settings_for(url, tmp_path)
    with psycopg.connect(url) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(f"DELETE FROM {table.name}".encode())


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    upgrade(settings_for(f"sqlite:///{folder}/gatelab.db", folder))
    return folder / "gatelab.db"


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with new_schema(postgres_url) as url:
        upgrade(settings_for(url, tmp_path_factory.mktemp("migrated")))
        yield url


@contextmanager
def new_schema(server: str) -> Iterator[str]:
    """The URL of an empty schema, which serves as an empty database and is dropped at the end."""
    schema = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        yield f"{server}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def settings_for(url: str, folder: Path) -> Settings:
    return Settings(database_url=SecretStr(url), data_dir=folder, inline_checkpoint_bytes=INLINE_BYTES)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings) as store:
        yield store


@pytest.fixture
def corpus(store: Store) -> Corpus:
    return store.corpora.add("abc", "abc" * 100)[0]


@pytest.fixture
def new_job(store: Store, corpus: Corpus) -> Callable[..., Job]:
    """A function that makes a job with this number of runs, by default one."""

    def make(count: int = 1, name: str = "job") -> Job:
        spec = JobSpec(corpus="abc", name=name, repeats=count)
        return store.jobs.create(spec, corpus.id, [spec.base()] * count)

    return make


@pytest.fixture
def claim(store: Store, new_job: Callable[..., Job]) -> Claim:
    """The claim of the only run of a new job."""
    new_job()
    return claimed(store)


def claimed(store: Store, owner: str = "worker") -> Claim:
    claim = store.claims.claim(owner)
    assert claim is not None
    return claim


def expire(store: Store, run_id: str) -> None:
    """Make the lease of a run expire."""
    with store.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(lease_until=0.0))


def token(store: Store, run_id: str) -> int:
    with store.database.read() as connection:
        found: int = connection.execute(select(runs.c.token).where(runs.c.id == run_id)).scalar_one()
    return found


def event_types(store: Store, job_id: str) -> list[str]:
    return [event.type for event in events_of(store, job_id)]


def at_once(actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of all actions, each called in a thread of its own."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def old_corpus(store: Store, name: str, text: str) -> str:
    """The id of a corpus as an earlier release stored it, which checked neither the name nor the text."""
    id, data = new_id("corpus"), text.encode()
    values = {"id": id, "name": name, "sha256": hashlib.sha256(data).hexdigest(), "text": data, "created_at": 1e9}
    with store.database.write() as connection:
        connection.execute(insert(corpora).values(values | {"characters": len(text), "bytes": len(data)}))
    return id
