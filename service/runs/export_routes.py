"""/v1/runs/{run}/export: a trained model for other programs."""

import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import Annotated, Literal

from fastapi import Query, Response

from gatelab.errors import InvalidRequest, Overloaded
from gatelab.specs.generation import CheckpointWord
from gatelab.specs.integers import Count
from service.computing import computing
from service.context import Service
from service.routing import Router

router = Router(prefix="/v1/runs", tags=["runs"])

Step = Annotated[CheckpointWord | Count, Query(description="a step that has a checkpoint, latest, or best")]
Format = Literal["safetensors", "onnx", "torch", "numpy"]

ENDINGS = {"safetensors": "-weights.safetensors", "onnx": ".onnx", "torch": ".pt2"}
LONGEST_TRACE = 300
"""Seconds after which tracing a model is aborted; a model of 4,096 units takes ten."""

_tracing = threading.Lock()


@router.get("/{run}/export", response_class=Response)
@computing
def export(service: Service, run: str, format: Format = "safetensors", checkpoint: Step = "latest") -> Response:
    """`safetensors`: the weights alone. `onnx`: one step, (tokens, state) -> (logits, next_state), for any batch.
    `torch`: the same for `torch.export.load`. All have architecture and tokenizer as JSON in their metadata.
    `numpy`: a program that writes text with the weights and needs numpy alone."""
    from gatelab.checkpoint import Checkpoint
    from gatelab.export import script, weights

    saved = service.store.checkpoints.get(run, checkpoint)
    found = Checkpoint.from_bytes(saved.data, to_train=False)
    if format != "safetensors":  # the export itself checks the weights
        found.check_weights()
    if format not in ("safetensors", "numpy") and find_spec("torch") is None:
        raise InvalidRequest.at(
            "format",
            f"is {format}, which needs PyTorch, but the service has no PyTorch: install gatelab[server] there, or"
            " use safetensors or numpy",
        )
    if format == "numpy":
        return Response(
            script(found.spec.model, found.tokenizer), media_type="text/x-python", headers=_named("generate.py")
        )
    made = weights(found) if format == "safetensors" else _traced(saved.data, format)
    name = f"{run}-{saved.step}{ENDINGS[format]}"
    return Response(made, media_type="application/octet-stream", headers=_named(name))


def _traced(checkpoint: bytes, format: str) -> bytes:
    """Export in another process, one at a time, so that its seconds of Python do not delay other requests."""
    if not _tracing.acquire(blocking=False):  # waiting would hold a thread that other requests need
        raise Overloaded("another model is being exported; try again soon")
    try:
        command = [sys.executable, "-m", "gatelab.export", format]
        done = subprocess.run(command, input=checkpoint, stdout=subprocess.PIPE, timeout=LONGEST_TRACE, check=True)
        return done.stdout
    finally:
        _tracing.release()


def _named(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}
