"""No other user of the machine can read stored data, whatever the data directory allows."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelab.settings import Settings
from gatelab.store import State, Store
from gatelab.store.migrate import upgrade
from tests.databases import migrate
from tests.service.installation import settings_in
from tests.worker.conftest import TEXT, only_run, queue, train_all


@pytest.fixture(autouse=True)
def _nothing_is_masked() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_all(folder: Path) -> list[str]:
    """The files below `folder` that anybody may read or write, by their own modes and those of the folders around."""
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if stat.S_IMODE(Path(path, name).stat().st_mode) & 0o077]
        found += [name for name in files if stat.S_IMODE(Path(path, name).stat().st_mode) & 0o077]
    return found


def filled(folder: Path) -> Settings:
    """An installation with a trained run, whose checkpoints are files."""
    settings = settings_in(folder, inline_checkpoint_bytes=0)
    migrate(settings)
    with Store(settings) as store:
        store.corpora.add("wells", TEXT)
        queue(store)
        train_all(store, settings)
        assert store.runs.get(only_run(store)).state is State.SUCCEEDED
        assert not open_to_all(folder), "while it is open"
    return settings


def test_a_folder_that_everybody_may_enter_holds_nothing_for_everybody(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    settings = filled(tmp_path)
    assert settings.blob_dir.exists()
    assert not open_to_all(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777, "a folder may hold other things, of other people"


def test_what_was_readable_before_is_so_no_longer(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    migrate(settings)
    database = tmp_path / "gatelab.db"
    for file in (database, database.with_name("gatelab.db-wal"), database.with_name("gatelab.db-shm")):
        file.touch()
        file.chmod(0o666)
    with Store(settings) as store:
        store.corpora.add("wells", TEXT)
        assert not open_to_all(tmp_path)


def test_a_folder_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Made by `python -m gatelab.store.migrate`, which runs first if `gatelab up` is not used."""
    settings = settings_in(tmp_path / "of" / "data")
    upgrade(settings)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
