"""Files of checkpoints while other processes delete them."""

import threading
from pathlib import Path

import pytest

from gatelab.store.blobs import BlobName, Blobs

ONE = BlobName(run_id="run", token=1, step=1, sha256="0" * 64)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def test_files_are_listed_by_run(blobs: Blobs) -> None:
    assert blobs.all() == {}
    blobs.put(ONE, b"one")
    assert blobs.all() == {"run": [ONE.file]}
    assert blobs.get(ONE) == b"one"
    blobs.drop("run")
    assert blobs.all() == {}
    assert blobs.get(ONE) is None


def test_a_folder_that_is_deleted_meanwhile_has_no_files(blobs: Blobs, tmp_path: Path) -> None:
    """A folder exists when folders are listed and is gone when it is opened, or the other way round."""
    over = threading.Event()

    def come_and_go() -> None:
        folder = tmp_path / "blobs" / "run"
        while not over.is_set():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ONE.file).touch()
            blobs.drop("run")

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(3000):
            assert blobs.all() in ({}, {"run": [ONE.file]})
            blobs.sweep("run", token=0, kept=set())
    finally:
        over.set()
        other.join()
