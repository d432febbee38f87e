"""Loaded models, ready to generate. The latest used stay in memory."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gatelab.store import Store

if TYPE_CHECKING:
    from gatelab.model import LanguageModel
    from gatelab.text import Tokenizer


@dataclass(frozen=True)
class Loaded:
    """A checkpoint in memory."""

    step: int
    model: "LanguageModel"
    tokenizer: "Tokenizer"


class Models:
    """A bounded cache of checkpoints by (run, step, sha256). torch is imported with the first one."""

    def __init__(self, store: Store, capacity: int = 8) -> None:
        self._store, self._capacity = store, capacity
        self._loaded: OrderedDict[tuple[str, int, str], Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, run_id: str, step: int | Literal["latest"]) -> Loaded:
        """The run's checkpoint at `step`.

        Raises:
            NotFound: no such run, or no checkpoint at that step.
            NoCheckpoint: the run has none yet.
            CorruptCheckpoint: the stored bytes were changed.
        """
        info = self._store.checkpoints.find(run_id, step)
        key = (run_id, info.step, info.sha256)
        with self._lock:
            if found := self._loaded.get(key):
                self._loaded.move_to_end(key)
                return found
        loaded = self._load(run_id, info.step)
        with self._lock:
            self._loaded[key] = loaded
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
        return loaded

    def _load(self, run_id: str, step: int) -> Loaded:
        import torch

        from gatelab.checkpoint import Checkpoint

        torch.set_num_threads(1)
        checkpoint = Checkpoint.from_bytes(self._store.checkpoints.get(run_id, step).data)
        return Loaded(step, checkpoint.model().eval(), checkpoint.tokenizer)
