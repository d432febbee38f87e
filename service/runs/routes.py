"""/v1/runs: trained models and their results."""

import os
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Literal

from fastapi import Response
from fastapi.responses import StreamingResponse

from gatelab.specs.integers import Count
from gatelab.store.pagination import LARGEST_PAGE
from gatelab.store.states import State
from gatelab.wire.base import Page
from gatelab.wire.evaluations import Evaluation, Sample
from gatelab.wire.runs import Checkpoint, TreeNode
from service.authorization import Asking
from service.computing import computing
from service.context import Cursor, Limit, Points, Service
from service.json_answers import said
from service.routing import Router
from service.runs.lineage import tree_of
from service.runs.metrics_csv import as_csv
from service.runs.views import Run, checkpoint_of
from service.views import page, whole

router = Router(prefix="/v1/runs", tags=["runs"])

SAFETENSORS = "application/vnd.safetensors"
PIECE_BYTES = 2**18


@router.get("")
def list_runs(
    service: Service,
    asking: Asking,
    job: str | None = None,
    state: State | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Run]:
    """List the account's runs, of all jobs or of one, in the order in which they were submitted."""
    if job is not None:
        service.store.accounts.require(asking.account, "job", job)
    found = service.store.runs.list(account=asking.account, job_id=job, state=state, cursor=cursor, limit=limit)
    return page(found, Run.of)


@router.get("/{run}", response_model=Run)
async def get_run(service: Service, run: str) -> Response:
    """Get a run, with its latest evaluation."""
    return said(Run.of(await service.short_reads.look(lambda store: store.runs.get(run))))


@router.get(
    "/{run}/metrics",
    response_model=Page[Evaluation],
    responses={200: {"content": {"text/csv": {}}, "description": "One line per evaluation"}},
)
@computing
def run_metrics(
    service: Service, run: str, points: Points = None, format: Literal["json", "csv"] = "json"
) -> Page[Evaluation] | Response:
    """List the evaluations of a run; as CSV, one line for each."""
    found = whole(service.store.metrics.list(run, points=points))
    return found if format == "json" else Response(as_csv(found.data), media_type="text/csv; charset=utf-8")


@router.get("/{run}/samples")
@computing
def run_samples(service: Service, run: str, cursor: Cursor = None, limit: Limit = LARGEST_PAGE) -> Page[Sample]:
    """List the texts that the run generated at its evaluations, in their order."""
    return page(service.store.samples.page(run, cursor=cursor, limit=limit), lambda sample: sample)


@router.get("/{run}/tree")
def run_tree(service: Service, run: str) -> Page[TreeNode]:
    """List the tree of runs that started from one another: the root first, and each run after its parent."""
    return tree_of(service.store.trees.of(run))


@router.get("/{run}/checkpoints")
def run_checkpoints(service: Service, run: str) -> Page[Checkpoint]:
    """List the checkpoints of the run that are kept, the latest last."""
    return whole(map(checkpoint_of, service.store.checkpoints.list(run)))


@router.get(
    "/{run}/checkpoints/{step}",
    response_class=Response,
    responses={200: {"content": {SAFETENSORS: {"schema": {"type": "string", "format": "binary"}}}}},
)
@computing
def download_checkpoint(service: Service, run: str, step: Count) -> Response:
    """Download a checkpoint as safetensors: weights and optimizer state, with spec and vocabulary as metadata."""
    file = service.store.checkpoints.open(run, step)
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{run}-{step}.safetensors"',
        "Content-Length": str(length),
    }
    return StreamingResponse(_pieces(file), media_type=SAFETENSORS, headers=headers)


def _pieces(file: BufferedIOBase) -> Iterator[bytes]:
    """However slowly a client reads, only one piece of the file is in memory."""
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
