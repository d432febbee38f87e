"""The database's stamp changes as soon as any connection revokes a key or deletes a job."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gatelab.settings import Settings
from gatelab.store import Store
from gatelab.store.keys import Scope
from gatelab.store.migrate import upgrade
from tests.waiting import eventually


@pytest.fixture(params=["sqlite", "postgres_url"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    file = f"sqlite:///{tmp_path}/a data#base.db"
    url = file if request.param == "sqlite" else request.getfixturevalue(request.param)
    found = Settings(data_dir=tmp_path, database_url=SecretStr(url))
    upgrade(found)
    return found


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings) as store:
        eventually(lambda: store.changes.stamp() is not None, "it is known what changes")
        yield store


@pytest.mark.parametrize("change", ["revoke", "rotate"])
@pytest.mark.parametrize("by", ["the same", "another"])
def test_a_key_that_is_revoked_changes_the_stamp(change: str, by: str, store: Store, settings: Settings) -> None:
    key, _ = store.keys.create("ada", Scope.READ, "k")
    before = store.changes.stamp()
    with Store(settings) as other:
        getattr((other if by == "another" else store).keys, change)(key.id)
    eventually(lambda: store.changes.stamp() != before, "the stamp has changed")


def test_a_stamp_stays_while_nobody_writes(store: Store) -> None:
    key, secret = store.keys.create("ada", Scope.READ, "k")
    before = store.changes.stamp()
    assert store.keys.find(secret) == key
    assert store.changes.stamp() == before


def test_on_sqlite_every_commit_changes_the_stamp(store: Store, settings: Settings) -> None:
    assert store.changes.shows_every_commit == (store.database.path is not None)
    before = store.changes.stamp()
    with Store(settings) as other:
        other.corpora.add("abc", "a text")
    assert (store.changes.stamp() != before) == store.changes.shows_every_commit


def test_without_a_database_there_is_no_stamp(tmp_path: Path) -> None:
    with Store(Settings(data_dir=tmp_path, database_url=SecretStr(f"sqlite:///{tmp_path}/none.db"))) as store:
        assert store.changes.stamp() is None
