"""An installation with something to back up, a backup of it, and a place to restore it."""

from pathlib import Path

import pytest

from gatelab.settings import Settings
from gatelab.store import Claim, Report, Store
from gatelab.store.backup.making import make
from gatelab.store.backup.manifest import DATABASE
from service.generation.sessions import KEY_FILE
from tests.store.conftest import INLINE_BYTES, settings_for

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
