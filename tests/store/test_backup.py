"""A backup is the state of one moment, whoever writes meanwhile; what is not to the bit what was saved is refused."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from gatelab.errors import DamagedBackup, InvalidInput, Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, Job, Report, State, Store
from gatelab.store.backup import archive
from gatelab.store.backup.making import make
from gatelab.store.backup.manifest import DATABASE, SECRETS, Manifest
from gatelab.store.backup.restoring import restore
from gatelab.store.backup.snapshot import staging
from service.sessions import KEY_FILE
from tests.store.conftest import INLINE_BYTES, claimed, expire, settings_for

LARGE = b"l" * (INLINE_BYTES + 1)


@pytest.fixture
def kind() -> str:
    """Only SQLite is backed up by Gatelab itself."""
    return "sqlite"


@pytest.fixture
def trained(store: Store, claim: Claim, settings: Settings) -> Settings:
    """An installation with a run that has small and large checkpoints, and a key."""
    for step, data in enumerate((b"small", LARGE, LARGE + b"!"), 1):
        store.claims.record(claim, Report(step=step, epoch=step, checkpoint=data))
    key = settings.data_dir / KEY_FILE
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    return settings


@pytest.fixture
def backup(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(trained, tmp_path_factory.mktemp("backups") / "backup.tar").file


@pytest.fixture
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere") / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restored_store(folder: Path) -> Store:
    return Store(settings_for(f"sqlite:///{folder}/{DATABASE}", folder))


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


# -- While others work ------------------------------------------------------------------------------------------------


def test_backups_made_while_checkpoints_come_and_go_are_whole(
    store: Store, claim: Claim, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only one checkpoint is kept, so the file that a backup needs is deleted by the next record."""
    ended = threading.Event()
    step = 0

    def train() -> None:
        nonlocal step
        while not ended.is_set():
            step += 1
            data = LARGE + step.to_bytes(8, "big")
            store.claims.record(claim, Report(step=step, epoch=step, checkpoint=data, keep_checkpoints=1))

    worker = threading.Thread(target=train)
    worker.start()
    folder = tmp_path_factory.mktemp("backups")
    try:
        made: list[Path] = []
        while len(made) < 8 or step < 50:
            made.append(make(settings, folder / f"{len(made)}.tar").file)
    finally:
        ended.set()
        worker.join()
    seen = []
    for number, file in enumerate(made):
        restore(file, folder / str(number))
        with restored_store(folder / str(number)) as again:
            run = again.runs.get(claim.run_id)
            if run.step:
                checkpoint = again.checkpoints.get(run.id)
                assert checkpoint.data == LARGE + run.step.to_bytes(8, "big")
            seen.append(run.step)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0], "nothing was trained meanwhile"


def test_a_run_goes_on_from_the_moment_of_the_backup(
    store: Store, claim: Claim, trained: Settings, backup: Path, target: Path
) -> None:
    store.claims.record(claim, Report(step=4, epoch=4, checkpoint=LARGE, next_state=State.SUCCEEDED))
    restore(backup, target)
    with restored_store(target) as again:
        assert again.runs.get(claim.run_id).state is State.RUNNING
        expire(again, claim.run_id)
        assert again.reaper.reap() == [claim.run_id]
        assert claimed(again).step == 3


def test_what_a_killed_backup_left_is_deleted_by_the_next(trained: Settings, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from gatelab import settings\n"
        "from gatelab.store.backup import archive; from gatelab.store.backup.making import make\n"
        "from pathlib import Path\n"
        "archive.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "make(settings.load(), Path(sys.argv[1]))"
    )
    environment = os.environ | {
        "GATELAB_DATA_DIR": str(trained.data_dir),
        "GATELAB_DATABASE_URL": trained.database_url.get_secret_value(),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "killed.tar")], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list((trained.data_dir / "backup.partial").rglob("*-*-*"))
    assert not (tmp_path / "killed.tar").exists()
    assert make(trained, tmp_path / "next.tar").files == 4
    assert not (trained.data_dir / "backup.partial").exists()


def test_two_at_once_are_one_too_many(trained: Settings, tmp_path: Path) -> None:
    with staging(trained.data_dir), pytest.raises(Unavailable, match="another backup"):
        make(trained, tmp_path / "backup.tar")


# -- What is not backed up ----------------------------------------------------------------------------------------


def test_nothing_is_overwritten(trained: Settings, backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(InvalidInput, match="is there already"):
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


def test_a_missing_checkpoint_is_named(trained: Settings, blob: Path, tmp_path: Path) -> None:
    blob.unlink()
    with pytest.raises(Unavailable, match=blob.name):
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


# -- What is not restored ---------------------------------------------------------------------------------------------


def refused(file: Path, target: Path, kind: type[Exception] = DamagedBackup) -> str:
    """The message with which a backup is refused; and nothing of it is there, in whatever form."""
    with pytest.raises(kind) as refusal:
        restore(file, target)
    assert list(target.parent.iterdir()) == []
    return str(refusal.value)


def test_any_flipped_bit_is_noticed(backup: Path, target: Path) -> None:
    """Of every part: headers, paddings, manifest, database, key, checkpoints, end."""
    whole = backup.read_bytes()
    # Of the database one bit in a few hundred bytes: all of its bytes are in one digest.
    places = [*range(0, 4096, 19), *range(4096, len(whole) - 8192, 4999), *range(len(whole) - 8192, len(whole), 41)]
    for number, at in enumerate(places):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << number % 8
        backup.write_bytes(damaged)
        refused(backup, target)
    backup.write_bytes(whole)
    restore(backup, target)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.999])
def test_a_backup_that_is_cut_off_is_refused(backup: Path, target: Path, share: float) -> None:
    whole = backup.read_bytes()
    backup.write_bytes(whole[: int(len(whole) * share)])
    refused(backup, target)


def test_more_behind_the_end_is_refused(backup: Path, target: Path) -> None:
    backup.write_bytes(backup.read_bytes() + bytes(512))
    assert "more behind its end" in refused(backup, target)


Change = Callable[[Manifest, dict[str, Path]], tuple[Manifest, dict[str, Path]]]


def without(name: str) -> Change:
    def change(manifest: Manifest, sources: dict[str, Path]) -> tuple[Manifest, dict[str, Path]]:
        doomed = next(each for each in manifest.files if each.startswith(name))
        files = {each: file for each, file in manifest.files.items() if each != doomed}
        return manifest.model_copy(update={"files": files}), sources

    return change


def with_copy(of: str, name: str) -> Change:
    def change(manifest: Manifest, sources: dict[str, Path]) -> tuple[Manifest, dict[str, Path]]:
        source = next(each for each in manifest.files if each.startswith(of))
        files = {**manifest.files, name: manifest.files[source]}
        return manifest.model_copy(update={"files": files}), {**sources, name: sources[source]}

    return change


def with_fields(**fields: str) -> Change:
    return lambda manifest, sources: (manifest.model_copy(update=fields), sources)


OTHERS: dict[str, tuple[Change, str]] = {
    "a checkpoint is missing": (without("blobs/"), "do not belong together"),
    "the database is missing": (without(DATABASE), "names no gatelab.db"),
    "one checkpoint more": (with_copy("blobs/", f"blobs/run-other/1-1-{'0' * 64}"), "do not belong together"),
    "a path that leads out": (with_copy("blobs/", "../evil"), "no file of a data directory"),
    "a path that leads out later": (with_copy("blobs/", "blobs/run-1/../../evil"), "no file of a data directory"),
    "an absolute path": (with_copy("blobs/", "/tmp/evil"), "no file of a data directory"),
    "a file of its own": (with_copy(DATABASE, "gatelab.db-wal"), "no file of a data directory"),
    "another revision": (with_fields(revision="0001"), "do not belong together"),
    "another format": (with_fields(format="gatelab-backup-99"), "gatelab-backup-99"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_put_together_wrongly_is_refused(case: str, backup: Path, target: Path, tmp_path: Path) -> None:
    """Archives that are right in themselves, manifest and digests included."""
    change, message = OTHERS[case]
    with backup.open("rb") as file:
        manifest = archive.read_manifest(file)
    with tarfile.open(backup) as tar:
        tar.extractall(tmp_path / "parts", filter="data")
    manifest, sources = change(manifest, {name: tmp_path / "parts" / name for name in manifest.files})
    with backup.open("wb") as file:
        archive.write(file, manifest, sources)
    assert message in refused(backup, target)


def test_a_newer_database_is_refused(trained: Settings, store: Store, backup: Path, target: Path) -> None:
    store.close()
    with sqlite3.connect(trained.data_dir / DATABASE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
    connection.close()
    newer = make(trained, backup.with_name("newer.tar")).file
    assert "newer" in refused(newer, target, InvalidInput)


@pytest.mark.parametrize("other", [b"", b"\0" * 100_000, b"PK\3\4" + bytes(5000), b"9" * 5000])
def test_other_files_are_refused(other: bytes, tmp_path: Path, target: Path) -> None:
    (tmp_path / "other").write_bytes(other)
    assert "does not begin as a backup" in refused(tmp_path / "other", target)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, target: Path) -> None:
    assert "is not there" in refused(tmp_path / "nothing.tar", target, InvalidInput)


@pytest.mark.parametrize("name", [DATABASE, ".hidden"])
def test_a_data_directory_in_use_is_left_alone(backup: Path, target: Path, name: str) -> None:
    target.mkdir()
    (target / name).write_bytes(b"somebody's")
    with pytest.raises(InvalidInput, match="is not empty"):
        restore(backup, target)
    assert contents(target) == {name: b"somebody's"}


def test_an_empty_directory_is_taken(backup: Path, target: Path) -> None:
    target.mkdir()
    restore(backup, target)
    assert (target / DATABASE).is_file()


def test_a_directory_that_fills_meanwhile_is_left_alone(
    backup: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = archive.extract

    def slow(*arguments: object) -> None:
        extract(*arguments)  # type: ignore[arg-type]
        target.mkdir()
        (target / "new").write_bytes(b"somebody's")

    monkeypatch.setattr(archive, "extract", slow)
    with pytest.raises(Unavailable):
        restore(backup, target)
    assert contents(target.parent) == {"data/new": b"somebody's"}


# -- The command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(trained: Settings) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATELAB_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "client.main", *arguments]
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
