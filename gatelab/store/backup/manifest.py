"""The manifest of a backup: names, sizes and digests of its files, and its own digest."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gatelab.errors import DamagedBackup

FORMAT = "gatelab-backup-1"
DATABASE = "gatelab.db"
SECRETS = ("session-key", "api-key")
"""Files of a data directory; without them, its users would need new keys."""

LARGEST = 64 * 2**20
"""The most bytes of a manifest. One with a million large checkpoints would be larger."""

_BLOB = re.compile(r"blobs/run-[0-9a-z]{1,50}/[0-9]{1,19}-[0-9]{1,19}-[0-9a-f]{64}")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=0, lt=2**60)
    sha256: Sha256


class Manifest(BaseModel):
    """
    Attributes:
        version: of the Gatelab that made it.
        revision: of the database's tables (Alembic).
        created_at: ISO 8601, UTC.
        files: path below the data directory -> file, in the order in which they follow.
        missing: paths of large checkpoints that were gone when it was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: str
    version: str
    revision: str
    created_at: str
    files: Mapping[str, File]
    missing: list[str] = []

    def to_bytes(self) -> bytes:
        """The manifest as JSON, with a digest of its content."""
        document = self.model_dump(mode="json")
        if not self.missing:  # the form that the manifest had before files could be missing
            del document["missing"]
        return _canonical(document | {"sha256": _digest(document)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """
        Raises:
            DamagedBackup: these are not bytes from `to_bytes`, or the format is another one.
        """
        try:
            document = json.loads(data)
            digest = document.pop("sha256")
            if _canonical(document | {"sha256": digest}) != data or digest != _digest(document):
                raise DamagedBackup("its manifest is not valid")
            if document.get("format") != FORMAT:
                raise DamagedBackup(f"its format is {document.get('format')!r}, and this program reads {FORMAT}")
            manifest = cls.model_validate(document)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError, ValidationError):
            raise DamagedBackup("its manifest is not valid") from None
        if not all(_BLOB.fullmatch(name) for name in manifest.missing):
            raise DamagedBackup("its manifest names missing files that are not large checkpoints")
        for name in manifest.files:
            if name != DATABASE and name not in SECRETS and not _BLOB.fullmatch(name):
                raise DamagedBackup(f"its manifest names {name[:200]!r}, which is not a file of a data directory")
        if DATABASE not in manifest.files:
            raise DamagedBackup(f"its manifest names no {DATABASE}")
        return manifest

    @property
    def blobs(self) -> set[str]:
        return {name for name in self.files if name.startswith("blobs/")}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, allow_nan=False).encode()


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()
