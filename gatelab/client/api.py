"""The Python client: every call of the service as a typed method. The calls are in `gatelab/client/calls/`."""

import os
from types import TracebackType

from gatelab.client.calls.cells import CellCalls
from gatelab.client.calls.corpora import CorpusCalls
from gatelab.client.calls.gates import GateCalls, GateOptions
from gatelab.client.calls.generation import GenerationCalls, SamplingOptions
from gatelab.client.calls.jobs import JobCalls, ReportFormat
from gatelab.client.calls.keys import KeyCalls
from gatelab.client.calls.runs import ExportFormat, RunCalls
from gatelab.client.transport import Transport

__all__ = ["DEFAULT_URL", "ExportFormat", "GateOptions", "Gatelab", "ReportFormat", "SamplingOptions"]

DEFAULT_URL = "http://127.0.0.1:8000"


class Gatelab(KeyCalls, CorpusCalls, CellCalls, JobCalls, RunCalls, GenerationCalls, GateCalls):
    """A Gatelab service.

    Every method raises `ApiError` where the service refuses, `ConnectionFailed` where it cannot be reached, and
    `UnexpectedAnswer` where something else answers. Corpora are named by name or id. Do not share one between threads.
    """

    def __init__(self, url: str | None = None, timeout: float = 60.0, key: str | None = None) -> None:
        """
        Args:
            url: the address that `gatelab up` prints; by default `GATELAB_URL`, or else http://127.0.0.1:8000.
            timeout: seconds without an answer after which a request fails.
            key: the API key; by default `GATELAB_API_KEY`, or else the key of your `gatelab up` on this machine.
        """
        self._transport = Transport(url or os.environ.get("GATELAB_URL") or DEFAULT_URL, timeout, key)

    def __enter__(self) -> "Gatelab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()
