"""A backup in which a single bit differs is refused, and no file is overwritten."""

import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gatelab.errors import DamagedBackup, InvalidInput, Unavailable
from gatelab.settings import Settings
from gatelab.store import Store
from gatelab.store.backup import archive
from gatelab.store.backup.making import make
from gatelab.store.backup.manifest import DATABASE, Manifest
from gatelab.store.backup.restoring import restore
from tests.store.backup.conftest import contents


def refused(file: Path, target: Path, kind: type[Exception] = DamagedBackup) -> str:
    """The message with which a backup is refused. Nothing of it may be restored."""
    with pytest.raises(kind) as refusal:
        restore(file, target)
    assert list(target.parent.iterdir()) == []
    return str(refusal.value)


def test_any_flipped_bit_is_noticed(backup: Path, target: Path) -> None:
    """Positions in every part: headers, paddings, manifest, database, key, checkpoints, end."""
    whole = backup.read_bytes()
    # For the database, one bit in a few hundred bytes is enough, since one digest covers all of them.
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
    assert "bytes after its end" in refused(backup, target)


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
    "a path that leads out": (with_copy("blobs/", "../evil"), "not a file of a data directory"),
    "a path that leads out later": (with_copy("blobs/", "blobs/run-1/../../evil"), "not a file of a data directory"),
    "an absolute path": (with_copy("blobs/", "/tmp/evil"), "not a file of a data directory"),
    "a file of its own": (with_copy(DATABASE, "gatelab.db-wal"), "not a file of a data directory"),
    "another revision": (with_fields(revision="0001"), "do not belong together"),
    "another format": (with_fields(format="gatelab-backup-99"), "gatelab-backup-99"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_put_together_wrongly_is_refused(case: str, backup: Path, target: Path, tmp_path: Path) -> None:
    """Archives that are consistent in themselves, manifest and digests included."""
    change, message = OTHERS[case]
    with backup.open("rb") as file:
        manifest = archive.read_manifest(file)
    with tarfile.open(backup) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None, "an archive holds files alone"
            (place := tmp_path / "parts" / member.name).parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.read())
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
    assert "is not a backup made by Gatelab" in refused(tmp_path / "other", target)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, target: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nothing.tar", target, InvalidInput)


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
