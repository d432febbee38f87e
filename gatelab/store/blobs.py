"""Checkpoints too large for a database row, as files.

A file belongs to one checkpoint row: `<run id>/<token>-<step>-<sha256>`. The sha256 in the name makes a file
immutable. Run and token before it keep it from being shared: with names by content alone, a run that deletes
its old checkpoint could take away the file that a second run with the same spec and seed, and so the same bytes, was
about to refer to.
"""

import os
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from gatelab.errors import StorageUnavailable


@dataclass(frozen=True)
class BlobName:
    """The name of the file of one checkpoint: who wrote it (run and fencing token), when (step), and what."""

    run_id: str
    token: int
    step: int
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.token}-{self.step}-{self.sha256}"


class Blobs:
    """The files below one folder, which all workers and the service share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: BlobName, data: bytes) -> None:
        """Write a file completely or not at all, even with a power cut.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        folder = self._folder / name.run_id
        with reachable():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            temporary = folder / f"{name.file}.tmp"
            try:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(folder / name.file)
            except OSError:
                # Half a checkpoint is useless, and a full disk needs the space.
                temporary.unlink(missing_ok=True)
                raise
            for directory in (folder, self._folder, self._folder.parent):
                _sync(directory)

    def get(self, name: BlobName) -> bytes | None:
        """The bytes of a file, or None if it does not exist (any more).

        Raises:
            StorageUnavailable: the file system refuses.
        """
        if (file := self.open(name)) is None:
            return None
        with reachable(), file:
            return file.read()

    def open(self, name: BlobName) -> BufferedReader | None:
        """A file to read, or None if it does not exist. It can be read to its end even if it is deleted meanwhile.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        with reachable():
            try:
                return (self._folder / name.run_id / name.file).open("rb")
            except FileNotFoundError:
                return None

    def has_files(self) -> bool:
        """Whether the folder contains anything. A missing folder, or an empty mount point, does not.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        with reachable():
            try:
                return any(self._folder.iterdir())
            except FileNotFoundError:
                return False

    def has_any(self, run_id: str) -> bool:
        """Whether there may be files of this run."""
        return (self._folder / run_id).is_dir()

    def sweep(self, run_id: str, token: int, kept: Set[str]) -> None:
        """Delete the files of a run that no checkpoint refers to, written under `token` or an earlier one.

        Files of later tokens are left alone: another worker may be about to commit them.

        Args:
            kept: names of the files that checkpoints refer to.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        with reachable():
            for file in _files(self._folder / run_id):
                if file not in kept and int(file.partition("-")[0]) <= token:
                    (self._folder / run_id / file).unlink(missing_ok=True)

    def all(self) -> dict[str, list[str]]:
        """The names of the files of every run that has some, those included that are being written.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        with reachable():
            if not self._folder.is_dir():
                return {}
            found = {folder.name: _files(folder) for folder in self._folder.iterdir()}
            return {run_id: files for run_id, files in found.items() if files}

    def remove(self, run_id: str, file: str) -> None:
        """Delete a file if it exists.

        Raises:
            StorageUnavailable: the file system refuses.
        """
        with reachable():
            (self._folder / run_id / file).unlink(missing_ok=True)

    def drop(self, run_id: str) -> None:
        """Delete all files of a deleted run. A file that cannot be deleted stays until the next sweep."""
        shutil.rmtree(self._folder / run_id, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """The names of the files of a run, or none if its folder is missing: another process may delete it at any time."""
    try:
        return [path.name for path in folder.iterdir() if path.name.count("-") == 2]
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextmanager
def reachable() -> Iterator[None]:
    """Within this block, an error of the file system becomes `StorageUnavailable`."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"a checkpoint's file cannot be reached now: {error.strerror}") from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
