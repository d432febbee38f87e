"""The key of runs that can be trained together."""

import hashlib
import json
from typing import Any

from gatelab.specs.job import RunSpec

_OWN: dict[str, Any] = {
    "corpus": True,
    "model": {"init"},
    "training": {
        *("seed", "clip_norm", "epochs", "stop", "evaluate_every"),
        *("sample", "gate_statistics", "keep_checkpoints", "keep_best"),
    },
}
"""The fields that may differ between the members of a pack. A corpus may have a name or an id: compare ids."""


def shape_key(spec: RunSpec) -> str:
    """A digest that two runs on one corpus share if they can be trained as one pack.

    They then have the same tokenizer, windows, batches, architecture and kind of optimizer. Seeds, initial weights,
    learning rates, their schedules and other values of the optimizer, clipping, epochs and other ends, evaluations and
    samples are each run's own. A field that is
    added to the specs counts as part of the shape unless it is named here.
    """
    shape = spec.model_dump(mode="json", exclude=_OWN)
    shape["training"]["optimizer"] = spec.training.optimizer.kind
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
