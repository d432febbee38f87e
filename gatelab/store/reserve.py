"""A file that reserves a few megabytes of the disk, so that a deletion can be written on a full disk.

SQLite writes a deletion into its log before it frees anything. On a disk without a free byte it could delete nothing,
and a full disk would stay full.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gatelab.machine import LEAST_FREE
from gatelab.secrets import write_secret

RESERVE_BYTES = 8 * 2**20
"""Twice the space of the log that the pieces of a deletion need (`gatelab.store.deletion`)."""
PIECE_BYTES = 2**20


class Reserve:
    """The file beside a database. Any process may make it, and any may release it."""

    def __init__(self, database: Path | None) -> None:
        """
        Args:
            database: SQLite's file; None if there is none, and then nothing is reserved.
        """
        self._file = database and database.with_name(f"{database.name}-reserve")

    def make(self) -> None:
        """Make the file if it is missing and the disk has space for it and for an ordinary request.

        Failures are ignored: without the file, only deletions on a full disk fail.
        """
        if self._file is None or self._file.exists():
            return
        with suppress(OSError):
            if shutil.disk_usage(self._file.parent).free >= RESERVE_BYTES + LEAST_FREE:
                # Random, since some file systems store no zeros. Btrfs and ZFS compress pieces of 128 KiB by default.
                piece = os.urandom(PIECE_BYTES)
                write_secret(self._file, piece * (RESERVE_BYTES // PIECE_BYTES), keep=True)

    def give_up(self) -> bool:
        """Delete the file if the disk is full. Returns whether it existed."""
        if self._file is None or not self.needed():
            return False
        try:
            self._file.unlink()
        except OSError:
            return False
        return True

    def needed(self) -> bool:
        """Whether the disk has less free space than the reserve takes."""
        with suppress(OSError):
            return self._file is not None and shutil.disk_usage(self._file.parent).free < RESERVE_BYTES
        return False
