"""Preparation of a slice: the texts, their memory, and the checkpoint from which each run resumes."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gatelab.checkpoint import Checkpoint
from gatelab.costs import work
from gatelab.errors import CheckpointMissing, CorruptCheckpoint, TooLarge
from gatelab.machine import memory_bytes
from gatelab.settings import Settings
from gatelab.store import Claim, Store
from gatelab.text import Corpus, Texts, prepare
from gatelab.text.token_counts import measure
from gatelab.text.vocabulary_growth import grown
from gatelab.text.windows import Data, check_length
from gatelab.training import Trainer
from gatelab.training.devices import Device, free_memory
from gatelab.training.engines import choose_engine
from gatelab.warm_start import Origin, begin

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Prepared:
    """The data that all runs of one shape share.

    Attributes:
        data: the texts as their specs see them.
        origin: the checkpoint from which each of them starts, if they do.
    """

    data: Data
    origin: Origin | None

    def trainer(self, claim: Claim, checkpoint: Checkpoint | None) -> Trainer:
        """The run of a claim at one of its checkpoints, or at its start.

        Raises:
            CorruptCheckpoint, Diverged: as `Trainer`.
        """
        if checkpoint is None and self.origin is not None:
            checkpoint = begin(claim.spec, self.data.tokenizer, self.origin)
        return Trainer(claim.spec, self.data, checkpoint)


def prepared(store: Store, claim: Claim, known: Checkpoint | None, device: Device) -> Prepared:
    """
    Args:
        claim: the run that determines the shape.
        known: the checkpoint from which it resumes, which has the tokenizer.

    Raises:
        TooLarge: the run would be killed again and again because of its memory.
        InvalidSpec: the texts are too short for its windows.
        CheckpointMissing, CorruptCheckpoint: the checkpoint from which it starts is missing or damaged.
    """
    texts = _texts(store, claim)
    if claim.step == 0 and device == "cpu":  # a resumed run has fitted before, and a GPU has its own memory
        _check_memory(claim, texts)
    origin = _origin(store, claim)
    tokenizer = None if known is None else known.tokenizer
    if tokenizer is None and origin is not None:
        tokenizer = grown(origin.checkpoint.tokenizer, texts.train, *texts.held_out)
    return Prepared(prepare(claim.spec, texts, tokenizer), origin)


def newest_checkpoint(store: Store, claim: Claim) -> tuple[Claim, Checkpoint | None]:
    """The newest intact checkpoint, None at the start of the run; and the claim, without the damaged ones after it.

    Raises:
        LeaseLost: the run is no longer this claim's.
        StorageUnavailable: the folder of large checkpoints cannot be reached.
        Unavailable: the database cannot be reached.
    """
    while claim.step > 0:
        try:
            data = store.checkpoints.get(claim.run_id, claim.step).data
        except (CorruptCheckpoint, CheckpointMissing) as error:
            log.warning("gave up a checkpoint", run=claim.run_id, error=str(error))
            claim = store.claims.fall_back(claim)
        else:
            return claim, Checkpoint.from_bytes(data)
    return claim, None


def room(claim: Claim, data: Data, device: Device, settings: Settings, threads: int, pays: Callable[..., int]) -> int:
    """The number of runs like that of a claim to train together.

    Args:
        pays: the number that it pays to train together, like `gatelab.training.pack_size`.
    """
    spec = claim.spec
    engine = choose_engine(device, settings.engine, spec.training.precision, spec.model.cell, spec.model)
    found = pays(spec, data.tokenizer.vocabulary, engine, threads=threads, memory=free_memory(device))
    return min(found, settings.max_pack)


def _texts(store: Store, claim: Claim) -> Texts:
    def read(id: str) -> Corpus:
        return Corpus(*store.corpora.named_text(id))

    held_out = (claim.validation_corpus_id, claim.test_corpus_id)
    return Texts(read(claim.corpus_id), *(None if id is None else read(id) for id in held_out))


def _check_memory(claim: Claim, texts: Texts) -> None:
    extent = measure(claim.spec, texts)
    check_length(claim.spec, extent)
    needed, there = work(claim.spec, extent).memory_bytes, memory_bytes()
    if needed > there:
        raise TooLarge(
            f"it needs about {needed / 2**30:.3g} GiB of memory, and this worker's machine has {there / 2**30:.3g}"
        )


def _origin(store: Store, claim: Claim) -> Origin | None:
    start = claim.spec.start
    if start is None:
        return None
    assert isinstance(start.checkpoint, int), "a run that is queued names the step"
    pin = store.origins.get(claim.job_id, start.run, start.checkpoint)
    return Origin(Checkpoint.from_bytes(pin.data), same_text=pin.corpus_id == claim.corpus_id)
