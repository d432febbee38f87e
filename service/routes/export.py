"""/v1/runs/{run}/export: a trained model for other programs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from service.context import Service

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Step = Annotated[Literal["latest"] | int, Query(description="a step that has a checkpoint, or latest")]


@router.get("/{run}/export", response_class=Response)
def export(
    service: Service, run: str, format: Literal["safetensors", "numpy"] = "safetensors", checkpoint: Step = "latest"
) -> Response:
    """`safetensors`: the weights alone, with architecture and tokenizer as JSON in the metadata. `numpy`: a program
    that writes text with them and needs numpy alone."""
    from gatelab.checkpoint import Checkpoint
    from gatelab.export import script, weights

    saved = service.store.checkpoints.get(run, checkpoint)
    found = Checkpoint.from_bytes(saved.data)
    if format == "numpy":
        return Response(script(found.spec.model), media_type="text/x-python", headers=_named("generate.py"))
    name = f"{run}-{saved.step}-weights.safetensors"
    return Response(weights(found), media_type="application/octet-stream", headers=_named(name))


def _named(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}
