"""One slice: train a claimed run until it ends, the slice's time is over, or somebody wants it to stop."""

import os
import time
from collections.abc import Callable

import structlog
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.errors import CorruptCheckpoint, GatelabError, InvalidInput, LeaseLost, Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, State, Store
from gatelab.text import Corpus
from gatelab.training import Event, Started, train
from worker.lease import Lease
from worker.recording import Recorder

log = structlog.get_logger(__name__)


class Slice:
    """Trains one claimed run and leaves it in a state from which anyone can go on."""

    def __init__(self, store: Store, settings: Settings, claim: Claim, stopping: Callable[[], bool]) -> None:
        self.store, self.settings, self.claim, self.stopping = store, settings, claim, stopping
        self.device = choose_device(settings.device)
        self.ends = time.monotonic() + settings.slice_seconds
        self.recorder = Recorder(store, claim, describe(self.device))

    def run(self) -> None:
        """Train. A fault of the run fails the run; a lost lease or database leaves it to the reaper."""
        torch.set_num_threads(self.settings.threads or len(os.sched_getaffinity(0)))
        lease = Lease(
            self.store,
            self.claim,
            heartbeat_seconds=self.settings.heartbeat_seconds,
            lease_seconds=self.settings.lease_seconds,
        )
        log.info("training", run=self.claim.run_id, step=self.claim.step, device=str(self.device))
        try:
            with lease:
                self._train(lease)
        except LeaseLost:
            log.warning("lost the lease", run=self.claim.run_id)
        except Unavailable as error:
            log.warning("the database cannot be reached", run=self.claim.run_id, error=str(error))

    def _train(self, lease: Lease) -> None:
        try:
            for event in train(self.claim.spec, self._corpus(), device=self.device, resume=self._latest()):
                self.recorder.add(event)
                if event.position.epoch < self.claim.spec.training.epochs and self._over(event, lease):
                    # The store makes of this what was asked for: queued again, paused or cancelled.
                    self.recorder.record(State.QUEUED)
                    return
        except (LeaseLost, Unavailable):
            raise
        except GatelabError as error:
            self.recorder.fail(error.code, str(error))
        except Exception as error:
            log.exception("a run failed", run=self.claim.run_id)
            self.recorder.fail("error", f"{type(error).__name__}: {error}")
        else:
            self.recorder.record(State.SUCCEEDED)

    def _over(self, event: Event, lease: Lease) -> bool:
        """Whether to leave the run here. Records it where a checkpoint is due.

        However short a slice is and however long its preparation took, it makes at least one step.
        """
        flags = lease.check()
        if self.recorder.due(self.settings.checkpoint_seconds):
            flags = self.recorder.record(None)
        late = time.monotonic() > self.ends and not isinstance(event, Started)
        return flags.cancel or flags.pause or self.stopping() or late

    def _corpus(self) -> Corpus:
        corpus = self.store.corpora.get(self.claim.corpus_id)
        return Corpus(corpus.name, self.store.corpora.text(self.claim.corpus_id))

    def _latest(self) -> Checkpoint | None:
        """The newest checkpoint that is intact. Those after it are given up."""
        while self.claim.step > 0:
            try:
                data = self.store.checkpoints.get(self.claim.run_id, self.claim.step).data
            except CorruptCheckpoint as error:
                log.warning("gave up a checkpoint", run=self.claim.run_id, error=str(error))
                self.claim = self.recorder.claim = self.store.claims.fall_back(self.claim)
            else:
                return Checkpoint.from_bytes(data)
        return None


def choose_device(wanted: str) -> torch.device:
    """`auto` takes the GPU where there is one.

    Raises:
        InvalidInput: a GPU is asked for by name, and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InvalidInput.at("GATELAB_DEVICE", "is cuda, but PyTorch finds no CUDA device here; use auto or cpu")
    return torch.device("cuda")


def describe(device: torch.device) -> str:
    """The device in words, for the run's record."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"
