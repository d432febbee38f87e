"""Restoring a backup: all of it, verified, or nothing."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from gatelab.errors import DamagedBackup, InvalidInput, Unavailable
from gatelab.store.backup import archive, snapshot
from gatelab.store.backup.making import sync
from gatelab.store.backup.manifest import DATABASE, Manifest
from gatelab.store.migrate import knows


def restore(file: Path, data_dir: Path) -> Manifest:
    """Restore the backup `file` into `data_dir`, which must not exist, or be empty.

    The directory is built beside its final place, and moved there in one step after every bit was verified.

    Raises:
        InvalidInput: `data_dir` is not empty, the file does not exist, or a newer Gatelab made it.
        DamagedBackup: the file is not exactly as it was written, or not a backup.
        Unavailable: the file system refuses.
    """
    data_dir = data_dir.expanduser().absolute()
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise InvalidInput.at(str(data_dir), "is not empty; a backup is restored into a new directory")
    try:
        with file.open("rb") as source:
            data_dir.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f".{data_dir.name}.restoring-", dir=data_dir.parent))
            try:
                manifest = archive.read_manifest(source)
                archive.extract(source, manifest, folder)
                _check_database(folder / DATABASE, manifest)
                _move(folder, data_dir)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:
        raise InvalidInput.at(str(file), "does not exist") from None
    except OSError as error:
        raise Unavailable(f"{file} cannot be restored to {data_dir}: {error.strerror}") from error
    except DamagedBackup as error:
        raise DamagedBackup(f"{file} cannot be restored: {error}") from None
    return manifest


def _check_database(database: Path, manifest: Manifest) -> None:
    """Check that the database matches the other files and this program."""
    try:
        revision, blobs = snapshot.named_by(database)
    except (sqlite3.Error, ValueError) as error:
        raise DamagedBackup(f"its {DATABASE} cannot be read: {error}") from None
    if {blob.name for blob in blobs} != manifest.blobs | set(manifest.missing) or revision != manifest.revision:
        raise DamagedBackup("its database and its other files do not belong together")
    if not knows(revision):
        made = f"its tables have the revision {revision}, which this program does not know"
        raise InvalidInput.at("", f"the backup was made by another version of Gatelab ({manifest.version}): {made}")


def _move(folder: Path, data_dir: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        sync(Path(path))
    # This replaces an empty directory, and nothing else.
    folder.rename(data_dir)
    sync(data_dir.parent)
