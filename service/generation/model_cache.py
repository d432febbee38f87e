"""Loaded models, ready to generate. The most recently used ones stay in memory."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatelab.costs import flops_per_token
from gatelab.specs.generation import CheckpointWord
from gatelab.store import Checkpoint as Saved
from gatelab.store import CheckpointInfo, Store

if TYPE_CHECKING:
    from gatelab.checkpoint import Checkpoint
    from gatelab.generation import Batcher, Decoder
    from gatelab.text import Tokenizer


Key = tuple[str, int, str]
"""Run, step and sha256."""
BESIDE_WEIGHTS = 2**17
"""Bytes of a model's other parts: its spec, and the decoder's objects."""
BYTES_OF_TOKEN = 2**8
"""About what a token takes of a vocabulary."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in memory."""

    step: int
    decoder: "Decoder"
    tokenizer: "Tokenizer"
    flops: int
    """Floating-point operations for reading a token."""
    bytes: int
    """Its approximate memory in bytes."""


class ModelCache:
    """A bounded cache of checkpoints.

    If several requests need the same checkpoint at once, it is loaded once.

    Args:
        capacity: the number of checkpoints in memory; by default as many as fit into `most_bytes`.
        most_bytes: the most memory that they take together; the one used last always stays.
        on_texts: called with the number of texts being generated and of texts waiting, as by `Batcher`.
    """

    def __init__(
        self,
        store: Store,
        capacity: int | None = None,
        most_bytes: int = 2**29,
        on_texts: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        self._store, self._capacity, self._most_bytes = store, capacity, most_bytes
        # Two models may share a lock, so that one waits for the other, which is rare and harmless.
        self._loading = [threading.Lock() for _ in range(64)]
        self._loaded: OrderedDict[Key, Loaded] = OrderedDict()
        self._lock = threading.Lock()
        self._batcher: Batcher | None = None
        self._on_texts = on_texts

    @property
    def batcher(self) -> "Batcher":
        """The batcher that writes with all of them."""
        from gatelab.generation import Batcher

        with self._lock:
            if self._batcher is None:
                self._batcher = Batcher(on_texts=self._on_texts)
            return self._batcher

    def get(self, run_id: str, step: int | CheckpointWord) -> Loaded:
        """The run's checkpoint at `step`; of the latest ones, the newest that is intact.

        Raises:
            NotFound: no such run, or no checkpoint at that step.
            NoCheckpoint: the run has none yet.
            CorruptCheckpoint: the stored bytes were changed.
            NotFinite: its weights are not finite.
        """
        info = self._store.checkpoints.find(run_id, step)
        if found := self._find((run_id, info.step, info.sha256)):
            return found
        with self._loading[hash(run_id) % len(self._loading)]:
            if found := self._find((run_id, info.step, info.sha256)):
                return found
            saved = self._store.checkpoints.get(run_id, step)
            key = (run_id, saved.step, saved.sha256)
            loaded = self._find(key) or _load(saved)
            self._keep(key, loaded)
        return loaded

    def kept(self, run_id: str, info: CheckpointInfo) -> Loaded | None:
        """A checkpoint that is in memory."""
        return self._find((run_id, info.step, info.sha256))

    def _keep(self, key: Key, loaded: Loaded) -> None:
        with self._lock:
            self._loaded[key] = loaded
            while len(self._loaded) > 1 and self._is_full():
                self._loaded.popitem(last=False)

    def _is_full(self) -> bool:
        taken = sum(each.bytes for each in self._loaded.values())
        return taken > self._most_bytes or (self._capacity is not None and len(self._loaded) > self._capacity)

    def _find(self, key: Key) -> Loaded | None:
        with self._lock:
            if found := self._loaded.get(key):
                self._loaded.move_to_end(key)
            return found


def load_checkpoint(store: Store, run_id: str, step: int | CheckpointWord) -> "tuple[int, Checkpoint]":
    """The run's checkpoint at `step`, without what only training needs, and its step; not kept.

    Raises:
        NotFound, NoCheckpoint, CorruptCheckpoint: as `ModelCache.get`.
    """
    saved = store.checkpoints.get(run_id, step)
    return saved.step, _read(saved)


def _read(saved: Saved) -> "Checkpoint":
    from gatelab.checkpoint import Checkpoint

    return Checkpoint.from_bytes(saved.data, to_train=False)


def _load(saved: Saved) -> Loaded:
    from gatelab.generation import build_decoder
    from gatelab.network import Network

    checkpoint = _read(saved)
    decoder = build_decoder(Network.of(checkpoint), os.cpu_count() or 1)
    flops = flops_per_token(checkpoint.spec.model, checkpoint.tokenizer.vocabulary)
    size = decoder.bytes + BYTES_OF_TOKEN * decoder.vocabulary + BESIDE_WEIGHTS
    return Loaded(saved.step, decoder, checkpoint.tokenizer, flops, size)
