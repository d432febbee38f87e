"""Backups hold the state of one moment while workers train, and whatever happened to an earlier backup."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, Report, State, Store
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from gatelab.store.backup.snapshot import staging
from tests.store.backup.conftest import LARGE, restored_store
from tests.store.conftest import claimed, expire


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
