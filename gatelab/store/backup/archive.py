"""The file of a backup: a plain tar archive, which is read back as strictly as it was written.

The manifest comes first and lists what follows, so every byte of the archive is known in advance, except for the
contents of the files, whose digests are known. Headers are not trusted, but compared with their expected bytes.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from gatelab.errors import DamagedBackup
from gatelab.store.backup.manifest import LARGEST, File, Manifest

MANIFEST = "manifest.json"
_BLOCK = 512
_CHUNK = 2**20
_END = bytes(2 * _BLOCK)
_SIZE_FIELD = slice(124, 135)
"""The place of a file's size in a tar header, in octal digits."""


def write(archive: BinaryIO, manifest: Manifest, sources: Mapping[str, Path]) -> None:
    """Write the archive of `manifest`, whose files are at `sources`.

    Raises:
        DamagedBackup: a file differs from the manifest: it changed meanwhile, or its disk is faulty.
    """
    document = manifest.to_bytes()
    archive.write(_header(MANIFEST, len(document)) + document + _padding(len(document)))
    for name, file in manifest.files.items():
        archive.write(_header(name, file.size))
        with sources[name].open("rb") as source:
            copy(source, archive, name, file)
            if source.read(1):
                raise DamagedBackup(f"{name} grew while it was being saved")
        archive.write(_padding(file.size))
    archive.write(_END)


def read_manifest(archive: BinaryIO) -> Manifest:
    """The manifest, from the beginning of an archive.

    Raises:
        DamagedBackup: this is not the beginning of a backup.
    """
    header = archive.read(_BLOCK)
    digits = header[_SIZE_FIELD]
    size = int(digits, 8) if len(header) == _BLOCK and digits.isdigit() and not set(digits) & {0x38, 0x39} else -1
    if not 0 <= size <= LARGEST or header != _header(MANIFEST, size):
        raise DamagedBackup("it is not a backup made by Gatelab")
    document = archive.read(size)
    _expect(archive, _padding(size), "its manifest")
    return Manifest.from_bytes(document)


def extract(archive: BinaryIO, manifest: Manifest, folder: Path) -> None:
    """Write the files that follow the manifest into the empty `folder`, to the disk itself, for their owner alone.

    Raises:
        DamagedBackup: a bit differs from what was written, something is missing, or there is more.
        OSError: the file system refuses.
    """
    for name, file in manifest.files.items():
        _expect(archive, _header(name, file.size), name)
        path = folder / name
        for parent in reversed([each for each in path.parents if each.is_relative_to(folder)]):
            parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            copy(archive, target, name, file)
            target.flush()
            os.fsync(target.fileno())
        _expect(archive, _padding(file.size), name)
    _expect(archive, _END, "its end")
    if archive.read(1):
        raise DamagedBackup("there are bytes after its end")


def copy(source: BinaryIO, target: BinaryIO, name: str, file: File) -> None:
    """Copy the bytes of one file.

    Raises:
        DamagedBackup: there are fewer, or they have another digest.
    """
    digest = hashlib.sha256()
    for chunk in _chunks(source, file.size, name):
        digest.update(chunk)
        target.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise DamagedBackup(f"{name} is not what was saved: its sha256 differs")


def _chunks(source: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    while size:
        chunk = source.read(min(size, _CHUNK))
        if not chunk:
            raise DamagedBackup(f"{name} is cut off")
        size -= len(chunk)
        yield chunk


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _expect(archive: BinaryIO, wanted: bytes, what: str) -> None:
    if archive.read(len(wanted)) != wanted:
        raise DamagedBackup(f"it is damaged at {what}")
