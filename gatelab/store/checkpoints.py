"""The saved states of runs: in the row, or in a file if they are large."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
)

from gatelab.errors import CheckpointMissing, CorruptCheckpoint, NoCheckpoint, NotFound, StorageUnavailable
from gatelab.specs.generation import CheckpointWord
from gatelab.store.blobs import BlobName, Blobs, reachable
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.postgresql import LARGE
from gatelab.store.runs import require_run
from gatelab.store.states import FINISHED
from gatelab.store.tables import LOCAL, checkpoints, metrics, runs

Found = TypeVar("Found")

# A checkpoint's file may be deleted after its row is read and before the file is; the next attempt finds another row.
_LOOKS = 3
MOST_RUNS = 10_000
"""The most runs that are listed as models. OpenAI's clients know no pages; older runs still work by their ids."""


@dataclass(frozen=True)
class CheckpointInfo:
    """One checkpoint without its bytes. `size` is in bytes, `created_at` in seconds since 1970."""

    step: int
    epoch: int
    sha256: str
    size: int
    created_at: float


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint with its bytes, which are verified by their sha256."""

    run_id: str
    step: int
    epoch: int
    sha256: str
    data: bytes


@dataclass(frozen=True)
class Saved:
    """The bytes of a checkpoint, stored before the row that refers to them. `data` is None if they are in a file."""

    name: BlobName
    size: int
    data: bytes | None


_OF_RUN = checkpoints.c.run_id == bindparam("run")
_BEST = (
    select(checkpoints.c.step)
    .join(metrics, and_(metrics.c.run_id == checkpoints.c.run_id, metrics.c.step == checkpoints.c.step))
    .where(_OF_RUN, metrics.c.validation_loss.is_not(None))
    .order_by(metrics.c.validation_loss, checkpoints.c.step)
    .limit(1)
)
"""The step of the checkpoint whose evaluation has the lowest validation loss; the first of equal ones."""


def _statements(columns: Iterable[ColumnElement[Any]], **options: Any) -> dict[str, Select[Any]]:
    """Statements that read one checkpoint of a `run`: by its `step`, or by a word for it. They are built once, since
    building one takes longer than reading the row."""
    of_run, best = select(*columns).where(_OF_RUN), _BEST.scalar_subquery()
    latest = select(func.max(checkpoints.c.step)).where(_OF_RUN).correlate(None).scalar_subquery()
    steps: dict[str, Any] = {
        _BY_STEP: bindparam("step"),
        "latest": latest,
        "best": best,
        "auto": func.coalesce(best, latest),
    }
    return {word: of_run.where(checkpoints.c.step == step).execution_options(**options) for word, step in steps.items()}


_BY_STEP = "step"
_INFO = [checkpoints.c[name] for name in CheckpointInfo.__dataclass_fields__]
_STATE = select(runs.c.state).where(runs.c.id == bindparam("run")).scalar_subquery().label("state")
_INFO_OF, _ROW_OF = _statements([*_INFO, _STATE]), _statements(checkpoints.c, **LARGE)


_MADE = func.max(checkpoints.c.created_at)
_MODELS = (
    select(checkpoints.c.run_id, _MADE.label("made"))
    .join(runs, runs.c.id == checkpoints.c.run_id)
    .where(runs.c.account == bindparam("account"))
    .group_by(checkpoints.c.run_id)
    .order_by(_MADE.desc())
    .limit(MOST_RUNS)
)


class Checkpoints:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def list(self, run_id: str) -> list[CheckpointInfo]:
        """The checkpoints of a run that were kept, in the order of their steps.

        Raises:
            NotFound: there is no such run.
        """
        query = select(*_INFO).where(checkpoints.c.run_id == run_id).order_by(checkpoints.c.step)
        with self._database.read() as connection:
            require_run(connection, run_id)
            return [CheckpointInfo(**row) for row in connection.execute(query).mappings()]

    def runs(self, account: str = LOCAL) -> Sequence[tuple[str, float]]:
        """The account's runs that have a checkpoint, at most `MOST_RUNS`, newest first: id, and the time of the latest
        checkpoint in seconds since 1970."""
        return [(row["run_id"], row["made"]) for row in self._database.all(_MODELS, {"account": account})]

    def find(self, run_id: str, step: int | CheckpointWord = "latest") -> CheckpointInfo:
        """One checkpoint without its bytes, by default the latest.

        Raises:
            NotFound: there is no such run, or no checkpoint of that step, or for the best none of an evaluation.
            NoCheckpoint: the run has none at all.
        """
        return self.find_lasting(run_id, step)[0]

    def find_lasting(self, run_id: str, step: int | CheckpointWord = "latest") -> tuple[CheckpointInfo, bool]:
        """The same, and whether it stays the same until the run is deleted, since the run has ended.

        Raises:
            NotFound, NoCheckpoint: as `find`.
        """
        row = self._database.first(*_question(_INFO_OF, run_id, step))
        if row is None:  # the error names what is missing
            with self._database.read() as connection:
                row = _row(connection, run_id, step, _INFO_OF)
        values = dict(row)
        ended = values.pop("state") in FINISHED
        return CheckpointInfo(**values), ended

    def get(self, run_id: str, step: int | CheckpointWord = "latest") -> Checkpoint:
        """One checkpoint, by default the latest whose bytes are those that were saved.

        Raises:
            NotFound: there is no such run, or no checkpoint of that step, or for the best none of an evaluation.
            NoCheckpoint: the run has none at all.
            CorruptCheckpoint: the bytes are not those that were saved; of the latest, and of all before it.
            CheckpointMissing: its file is missing, with the same exception.
            StorageUnavailable: the folder of large checkpoints cannot be reached.
        """
        try:
            return self._read(run_id, step)
        except (CorruptCheckpoint, CheckpointMissing):
            for info in reversed(self.list(run_id) if step in ("auto", "latest") else ()):
                with suppress(CorruptCheckpoint, CheckpointMissing, NotFound):
                    return self._read(run_id, info.step)
            raise

    def open(self, run_id: str, step: int) -> BufferedIOBase:
        """The bytes of a checkpoint, to be read a piece at a time. They were read and verified once before.

        Raises:
            NotFound: there is no such run, or no checkpoint of that step.
            NoCheckpoint: the run has none at all.
            CorruptCheckpoint, CheckpointMissing, StorageUnavailable: as `get`.
        """
        row, found = self._look(run_id, step, self._blobs.open)
        file = BytesIO(row["data"]) if found is None else found
        try:
            with reachable():
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
            if digest != row["sha256"]:
                raise _corrupt(row)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, run_id: str, step: int | CheckpointWord) -> Checkpoint:
        row, found = self._look(run_id, step, self._blobs.get)
        data = row["data"] if found is None else found
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise _corrupt(row)
        return Checkpoint(run_id, row["step"], row["epoch"], row["sha256"], data)

    def _look(
        self, run_id: str, step: int | CheckpointWord, fetch: Callable[[BlobName], Found | None]
    ) -> tuple[RowMapping, Found | None]:
        """The row of a checkpoint, and the result of `fetch` for its file, if it has one."""
        for _look in range(_LOOKS):
            with self._database.read() as connection:
                row = _row(connection, run_id, step, _ROW_OF)
            if row["data"] is not None:
                return row, None
            if (found := fetch(_blob(row))) is not None:
                return row, found
        missing = f"the file of checkpoint {step} of run {run_id} is missing"
        if self._blobs.has_files():
            raise CheckpointMissing(missing)
        raise StorageUnavailable(f"{missing}, and so are all others; is data_dir shared by all hosts?")


def _corrupt(row: RowMapping) -> CorruptCheckpoint:
    return CorruptCheckpoint(f"checkpoint {row['step']} of run {row['run_id']} is not what was saved")


def save(connection: Connection, saved: Saved, *, epoch: int) -> None:
    """Write the row of a checkpoint, replacing one of the same step."""
    name = saved.name
    discard(connection, name.run_id, name.step)
    connection.execute(
        insert(checkpoints).values(
            run_id=name.run_id,
            step=name.step,
            epoch=epoch,
            token=name.token,
            sha256=name.sha256,
            size=saved.size,
            data=saved.data,
            created_at=now(),
        )
    )


def prune(connection: Connection, run_id: str, *, keep: int, keep_best: bool) -> None:
    """Delete the rows of all checkpoints of a run except the latest `keep`, and the best one if it is kept."""
    of_run = checkpoints.c.run_id == run_id
    kept = select(checkpoints.c.step).where(of_run).order_by(checkpoints.c.step.desc()).limit(keep)
    oldest = min(connection.scalars(kept))
    doomed = delete(checkpoints).where(of_run, checkpoints.c.step < oldest)
    if keep_best and (best := connection.scalar(_BEST, {"run": run_id})) is not None:
        doomed = doomed.where(checkpoints.c.step != best)
    connection.execute(doomed)


def discard(connection: Connection, run_id: str, step: int) -> None:
    """Delete the row of a checkpoint."""
    connection.execute(delete(checkpoints).where(checkpoints.c.run_id == run_id, checkpoints.c.step == step))


def latest(connection: Connection, run_id: str) -> tuple[int, int] | None:
    """Step and epoch of the latest checkpoint of a run, if it has one."""
    query = select(checkpoints.c.step, checkpoints.c.epoch).where(checkpoints.c.run_id == run_id)
    row = connection.execute(query.order_by(checkpoints.c.step.desc()).limit(1)).first()
    return (row.step, row.epoch) if row is not None else None


def any_files(connection: Connection) -> bool:
    """Whether a checkpoint of any run is a file."""
    return bool(connection.scalar(select(exists().where(checkpoints.c.data.is_(None)))))


def blob_files(connection: Connection, run_id: str) -> set[str]:
    """The names of the files that checkpoints of a run refer to."""
    query = select(checkpoints.c.run_id, checkpoints.c.token, checkpoints.c.step, checkpoints.c.sha256).where(
        checkpoints.c.run_id == run_id, checkpoints.c.data.is_(None)
    )
    return {_blob(row).file for row in connection.execute(query).mappings()}


def _blob(row: RowMapping) -> BlobName:
    return BlobName(row["run_id"], row["token"], row["step"], row["sha256"])


def _question(
    statements: Mapping[str, Select[Any]], run_id: str, step: int | CheckpointWord
) -> tuple[Select[Any], dict[str, str | int]]:
    """The statement for a checkpoint, and its parameters."""
    if isinstance(step, int):
        return statements[_BY_STEP], {"run": run_id, "step": step}
    return statements[step], {"run": run_id}


def _row(
    connection: Connection, run_id: str, step: int | CheckpointWord, statements: Mapping[str, Select[Any]]
) -> RowMapping:
    row = connection.execute(*_question(statements, run_id, step)).mappings().first()
    if row is not None:
        return row
    require_run(connection, run_id)
    if latest(connection, run_id) is None:
        raise NoCheckpoint(f"run {run_id} has no checkpoint yet")
    raise NotFound("checkpoint", f"{run_id}@{step}")
