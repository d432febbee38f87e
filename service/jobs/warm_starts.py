"""Runs that start from others: checks their checkpoints and reads the bytes, before anything is written."""

from collections.abc import Sequence

from gatelab.checkpoint import Checkpoint
from gatelab.errors import CorruptCheckpoint, InvalidSpec, NoCheckpoint, NotFinite, NotFound
from gatelab.specs import RunSpec
from gatelab.store import Store
from gatelab.store.origins import Pin
from gatelab.text.token_counts import Extent
from gatelab.text.vocabulary_growth import grown_extent
from gatelab.warm_start import check_start


class WarmStarts:
    """Resolves the starts in the specs of an account's job. Each checkpoint is read once.

    Attributes:
        pins: the checkpoints to keep with the job.
    """

    def __init__(self, store: Store, account: str) -> None:
        self._store, self._account = store, account
        self._read: dict[tuple[str, int], tuple[Pin, Checkpoint]] = {}

    @property
    def pins(self) -> Sequence[Pin]:
        return [pin for pin, _ in self._read.values()]

    def resolved(self, run: RunSpec) -> RunSpec:
        """The spec with the step of the checkpoint from which it starts.

        Raises:
            InvalidSpec: the account has no such run, the run has no such checkpoint, or the checkpoint does not fit.
        """
        if run.start is None:
            return run
        try:
            self._store.accounts.require(self._account, "run", run.start.run)
        except NotFound as error:
            raise InvalidSpec.at("start.run", str(error)) from None
        try:
            step = self._store.checkpoints.find(run.start.run, run.start.checkpoint).step
            _, checkpoint = self._found(run.start.run, step)
        except (NotFound, NoCheckpoint, CorruptCheckpoint, NotFinite) as error:
            raise InvalidSpec.at("start.checkpoint", str(error)) from None
        check_start(run, checkpoint)
        return run.model_copy(update={"start": run.start.model_copy(update={"checkpoint": step})})

    def extent(self, run: RunSpec, extent: Extent) -> Extent:
        """The extent for a resolved run of a corpus that has this extent by itself."""
        if run.start is None:
            return extent
        assert isinstance(run.start.checkpoint, int), "resolved"
        return grown_extent(self._read[run.start.run, run.start.checkpoint][1].tokenizer, extent)

    def _found(self, run_id: str, step: int) -> tuple[Pin, Checkpoint]:
        if (run_id, step) not in self._read:
            data = self._store.checkpoints.get(run_id, step).data
            pin = Pin(run_id, step, self._store.runs.get(run_id).corpus_id, data)
            checkpoint = Checkpoint.from_bytes(data)
            checkpoint.check_weights()
            self._read[run_id, step] = pin, checkpoint
        return self._read[run_id, step]
