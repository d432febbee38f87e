"""Making a backup."""

import hashlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatelab import __version__
from gatelab.errors import DamagedBackup, InvalidInput, Unavailable
from gatelab.settings import Settings
from gatelab.store.backup import archive, snapshot
from gatelab.store.backup.manifest import DATABASE, FORMAT, SECRETS, File, Manifest
from gatelab.store.backup.snapshot import Blob
from gatelab.store.engine import Database

FOR_POSTGRESQL = (
    "names PostgreSQL, which its own tools back up: stop the workers, run pg_dump, copy {blobs} and {key}, start the"
    " workers again; their runs resume"
)


@dataclass(frozen=True)
class Made:
    """A backup that was made: its file, how many files are in it, its size in bytes and its sha256.

    `missing` are the large checkpoints whose files are gone. Their runs resume from the checkpoints before those.
    """

    file: Path
    files: int
    bytes: int
    sha256: str
    missing: Sequence[str] = ()


def make(settings: Settings, target: Path) -> Made:
    """Back up the data directory of `settings` into the file `target`, or a file in it if it is a directory.

    Everything may run meanwhile. The file appears when it is complete; only its owner can read it, since it has the
    keys of the installation.

    Raises:
        InvalidInput: `target` already exists, there is no database, or it is PostgreSQL.
        Unavailable: all large checkpoints are missing, the disk is full, or another backup is being made.
        DamagedBackup: the database or a large checkpoint is damaged, so no backup is made.
    """
    data_dir, database = settings.data_dir.absolute(), _database(settings)
    file = _free(target)
    try:
        with snapshot.staging(data_dir) as folder:
            blobs, missing = snapshot.take(database, settings.blob_dir, folder)
            sources = {DATABASE: folder / DATABASE, **_secrets(data_dir), **{b.name: folder / b.name for b in blobs}}
            return _write(file, _manifest(sources, blobs, missing), sources)
    except sqlite3.Error as error:
        raise DamagedBackup(f"cannot back up {database}: {error}") from error
    except OSError as error:
        raise Unavailable(f"the backup {file} cannot be made: {error}") from error


def _database(settings: Settings) -> Path:
    path = Database(settings.database_url.get_secret_value()).path
    if path is None:
        what = FOR_POSTGRESQL.format(blobs=settings.blob_dir, key=settings.data_dir.absolute() / SECRETS[0])
        raise InvalidInput.at("GATELAB_DATABASE_URL", what)
    if not path.is_file():
        raise InvalidInput.at("data_dir", f"has nothing to back up: there is no {path}")
    return path.absolute()


def _free(target: Path) -> Path:
    target = target.expanduser().absolute()
    file = target / f"gatelab-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar" if target.is_dir() else target
    if file.exists():
        raise InvalidInput.at(str(file), "already exists; a backup overwrites nothing")
    if not file.parent.is_dir():
        raise InvalidInput.at(str(file.parent), "is not a directory")
    return file


def _secrets(data_dir: Path) -> dict[str, Path]:
    return {name: data_dir / name for name in SECRETS if (data_dir / name).is_file()}


def _manifest(sources: Mapping[str, Path], blobs: list[Blob], missing: list[Blob]) -> Manifest:
    """The digests of all files: large checkpoints must have those in the database; the others are computed here."""
    known = {blob.name: File(size=blob.size, sha256=blob.sha256) for blob in blobs}
    files = {name: known.get(name) or _measured(path) for name, path in sources.items()}
    revision, _ = snapshot.named_by(sources[DATABASE])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    gone = [blob.name for blob in missing]
    return Manifest(format=FORMAT, version=__version__, revision=revision, created_at=now, files=files, missing=gone)


def _measured(path: Path) -> File:
    with path.open("rb") as file:
        return File(size=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def _write(file: Path, manifest: Manifest, sources: Mapping[str, Path]) -> Made:
    """Write the archive completely or not at all, even with a power cut."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as target:
            archive.write(target, manifest, sources)
            target.flush()
            os.fsync(target.fileno())
            size = target.seek(0, os.SEEK_END)
            target.seek(0)
            digest = hashlib.file_digest(target, "sha256").hexdigest()
        # A link, unlike a rename, does not overwrite a file that appeared meanwhile.
        os.link(partial, file)
    except FileExistsError:
        raise InvalidInput.at(str(file), "already exists; a backup overwrites nothing") from None
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    sync(file.parent)
    return Made(file, len(manifest.files), size, digest, manifest.missing)


def sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
