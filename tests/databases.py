"""Databases with empty tables, as the migrations make them, for the cost of a copy.

The migrations have tests of their own; the other tests need their result, hundreds of times.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from gatelab.settings import Settings
from gatelab.store.migrate import upgrade


def migrate(settings: Settings) -> None:
    """Do the work of `upgrade`. A new SQLite database is a copy of one that this process migrated."""
    scheme, _, file = settings.database_url.get_secret_value().partition(":///")
    path = Path(file)
    if scheme != "sqlite" or path.exists():
        upgrade(settings)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(_migrated(), path)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gatelab-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "gatelab.db"
    upgrade(Settings(database_url=SecretStr(f"sqlite:///{file}"), data_dir=folder))
    return file
