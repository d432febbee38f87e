"""A backup contains everything and only its owner can read it; otherwise it is not made."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from gatelab.errors import DamagedBackup, InvalidInput, Unavailable
from gatelab.settings import Settings
from gatelab.store import Job, Store
from gatelab.store.backup.__main__ import target as target_of
from gatelab.store.backup.making import make
from gatelab.store.backup.manifest import DATABASE, SECRETS
from gatelab.store.backup.restoring import restore
from service.generation.sessions import KEY_FILE
from tests.store.backup.conftest import LARGE, restored_store
from tests.store.conftest import settings_for

# -- What is made ---------------------------------------------------------------------------------------------------


def test_everything_comes_back(store: Store, trained: Settings, backup: Path, target: Path) -> None:
    manifest = restore(backup, target)
    run = store.runs.list().items[0].id
    with restored_store(target) as again:
        assert again.runs.list() == store.runs.list()
        assert again.jobs.list() == store.jobs.list()
        assert again.corpora.text(again.corpora.get("abc").id) == "abc" * 100
        for info in store.checkpoints.list(run):
            assert again.checkpoints.get(run, info.step) == store.checkpoints.get(run, info.step)
    assert (target / KEY_FILE).read_bytes() == bytes(range(32))
    assert set(manifest.files) == {DATABASE, KEY_FILE, *manifest.blobs}
    assert len(manifest.blobs) == 2


def test_only_the_owner_can_read_it(backup: Path, target: Path) -> None:
    restore(backup, target)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    for path in (target, *target.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_it_is_an_ordinary_tar_archive(backup: Path) -> None:
    with tarfile.open(backup) as tar:
        document = tar.extractfile("manifest.json")
        assert document
        assert set(tar.getnames()) == {"manifest.json", *json.load(document)["files"]}


def test_a_directory_gets_a_file_with_the_time_in_its_name(trained: Settings, tmp_path: Path) -> None:
    folder = trained.data_dir / "backups"
    folder.mkdir()
    made = make(trained, folder)
    assert made.file.parent == folder
    assert made.file.name.startswith("gatelab-2")
    assert [path.name for path in folder.iterdir()] == [made.file.name]


def test_nothing_is_left_beside_it(trained: Settings, backup: Path) -> None:
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    assert not (trained.data_dir / "backup.partial").exists()


def test_all_secrets_of_the_service_are_among_those_that_are_kept() -> None:
    assert KEY_FILE in SECRETS


def test_deleted_text_is_not_in_it(store: Store, trained: Settings, tmp_path: Path) -> None:
    secret = "a secret that was deleted " * 400
    store.corpora.add("secret", secret)
    store.corpora.delete("secret")
    made = make(trained, tmp_path / "backup.tar")
    assert b"a secret that was deleted" not in made.file.read_bytes()


# -- What is not backed up ----------------------------------------------------------------------------------------


def test_nothing_is_overwritten(trained: Settings, backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(InvalidInput, match="already exists"):
        make(trained, backup)
    assert backup.read_bytes() == before


def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
    with pytest.raises(InvalidInput, match="nothing to back up"):
        make(settings, tmp_path / "backup.tar")
    assert list(tmp_path.iterdir()) == []


def test_for_postgresql_its_own_tools_are_named(tmp_path: Path) -> None:
    settings = settings_for("postgresql://somebody:secret@nowhere/gatelab", tmp_path)
    with pytest.raises(InvalidInput, match="pg_dump") as refusal:
        make(settings, tmp_path / "backup.tar")
    assert str(settings.blob_dir) in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.fixture
def blob(trained: Settings) -> Path:
    return next(path for path in trained.blob_dir.rglob("*") if path.is_file())


def test_a_missing_checkpoint_is_named_and_all_others_are_kept(trained: Settings, blob: Path, tmp_path: Path) -> None:
    others = [path for path in trained.blob_dir.rglob("*") if path.is_file() and path != blob]
    blob.unlink()
    made = make(trained, tmp_path / "backup.tar")
    assert made.missing == [str(blob.relative_to(trained.data_dir))]
    restored = tmp_path / "restored"
    assert restore(made.file, restored).missing == made.missing
    for path in others:
        assert (restored / path.relative_to(trained.data_dir)).read_bytes() == path.read_bytes()


def test_where_all_checkpoints_are_away_none_are_given_up(trained: Settings, tmp_path: Path) -> None:
    trained.blob_dir.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="none of the"):
        make(trained, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


@pytest.mark.parametrize("damaged", [LARGE[:-1], LARGE[:-1] + b"?", LARGE + b"????"])
def test_a_damaged_checkpoint_is_named(trained: Settings, blob: Path, tmp_path: Path, damaged: bytes) -> None:
    blob.write_bytes(damaged)
    with pytest.raises(DamagedBackup, match=blob.name):
        make(trained, tmp_path / "backup.tar")
    assert sorted(path.name for path in tmp_path.iterdir() if "tar" in path.name) == []


def test_a_damaged_database_is_not_backed_up(trained: Settings, store: Store, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(trained.data_dir / DATABASE) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray((trained.data_dir / DATABASE).read_bytes())
    data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    (trained.data_dir / DATABASE).write_bytes(data)
    with pytest.raises(DamagedBackup):
        make(trained, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


# -- The command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(trained: Settings) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATELAB_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "gatelab.client.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_command_backs_up_and_restores(
    trained: Settings,
    new_job: Callable[..., Job],
    command: Callable[..., "subprocess.CompletedProcess[str]"],
    tmp_path: Path,
    target: Path,
) -> None:
    file = tmp_path / "backup.tar"
    made = command("backup", str(file), "--data-dir", str(trained.data_dir))
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{file}: 4 files of {trained.data_dir}, ")
    done = command("restore", str(file), "--data-dir", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 files as they were on" in done.stdout
    again = command("restore", str(file), "--data-dir", str(target))
    assert again.returncode == 1
    assert again.stderr == f"gatelab: {target}: is not empty; a backup is restored into a new directory\n"


def test_settings_of_a_store_elsewhere_are_used(trained: Settings, tmp_path: Path) -> None:
    """The database need not lie in the data directory."""
    elsewhere = trained.model_copy(update={"data_dir": tmp_path / "blobs-only"})
    (tmp_path / "blobs-only").mkdir()
    (trained.data_dir / "blobs").rename(tmp_path / "blobs-only" / "blobs")
    assert make(elsewhere, tmp_path / "backup.tar").files == 3
    assert isinstance(elsewhere.database_url, SecretStr)


# -- Where it is put --------------------------------------------------------------------------------------------------


def test_a_name_that_ends_in_a_slash_is_a_directory(trained: Settings, tmp_path: Path) -> None:
    made = make(trained, target_of(f"{tmp_path}/new/backups/"))
    assert made.file.parent == tmp_path / "new/backups"
    assert stat.S_IMODE(made.file.parent.stat().st_mode) == 0o700
    assert make(trained, target_of(f"{tmp_path}/file")).file == tmp_path / "file"
    with pytest.raises(InvalidInput, match="cannot be made: File exists"):
        target_of(f"{tmp_path}/file/")
