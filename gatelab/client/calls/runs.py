"""Runs and their results: evaluations, samples, checkpoints, files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from gatelab.client.calls.base import Calls, path_of
from gatelab.client.models import Checkpoint, MetricPoint, Page, Run, Sample, TreeNode

if TYPE_CHECKING:
    from gatelab.specs.generation import CheckpointWord

ExportFormat = Literal["safetensors", "onnx", "torch", "numpy"]


class RunCalls(Calls):
    """The methods of `gatelab.Gatelab` for runs."""

    def runs(self, job: str | None = None) -> Iterator[Run]:
        """All runs, or those of one job."""
        return self._pages("/v1/runs", Page[Run], {"job": job} if job else {})

    def run(self, run: str) -> Run:
        return self._transport.get(path_of("runs", run), Run)

    def tree(self, run: str) -> list[TreeNode]:
        """The tree of runs that started from one another: the root first, and each run after its parent."""
        return self._transport.get(path_of("runs", run, "tree"), Page[TreeNode]).data

    def metrics(self, run: str) -> Iterator[MetricPoint]:
        return self._pages(path_of("runs", run, "metrics"), Page[MetricPoint])

    def samples(self, run: str) -> Iterator[Sample]:
        return self._pages(path_of("runs", run, "samples"), Page[Sample])

    def checkpoints(self, run: str) -> Iterator[Checkpoint]:
        return self._pages(path_of("runs", run, "checkpoints"), Page[Checkpoint])

    def download_checkpoint(self, run: str, step: int) -> bytes:
        """A checkpoint as a safetensors file."""
        return self._transport.get_bytes(path_of("runs", run, "checkpoints", str(step)))

    def export(
        self, run: str, format: ExportFormat = "safetensors", checkpoint: int | CheckpointWord = "latest"
    ) -> bytes:
        """The trained model as a file for other programs."""
        return self._transport.get_bytes(path_of("runs", run, "export"), {"format": format, "checkpoint": checkpoint})
