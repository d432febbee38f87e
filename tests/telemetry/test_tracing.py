"""Traces arrive at the collector that the environment names, and cost nothing if it names none."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gatelab.client.api import Gatelab
from gatelab.settings import Settings
from tests.databases import migrate
from tests.processes import free_port, is_ready, running, wait_until
from tests.service.installation import SPEC, TEXT
from tests.waiting import eventually


class Collector(ThreadingHTTPServer):
    """An endpoint for OTLP over HTTP, which stores everything that it receives."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def named(self, service: str, name: str) -> list[Span]:
        return [span for of, span in list(self.spans) if (of, span.name) == (service, name)]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(_unpacked(body, self.headers)).resource_spans:
            [name] = [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            self.server.spans += [(name, span) for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _unpacked(body: bytes, headers: Any) -> bytes:
    import gzip

    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@contextmanager
def traced(folder: Path, redis_url: str, collector: Collector) -> Iterator[str]:
    """The address of a service with a worker, both configured with the collector."""
    told = {"GATELAB_DATA_DIR": str(folder), "GATELAB_BROKER_URL": redis_url, "GATELAB_POLL_SECONDS": "600"}
    told |= {"GATELAB_AUTH": "no"}
    told |= {"GATELAB_THREADS": "1", "GATELAB_DEVICE": "cpu", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    told |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    migrate(Settings(data_dir=folder))
    port = free_port()
    command = [sys.executable, "-m", "service", f"--port={port}"]
    for name in ("service", "worker"):
        (folder / name).mkdir()
    with (
        running(command, folder / "service", environment=os.environ | told) as service,
        running([sys.executable, "-m", "worker"], folder / "worker", environment=os.environ | told),
    ):
        wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), service, folder / "service")
        yield f"http://127.0.0.1:{port}"


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def test_a_trace_leads_from_the_request_to_the_slice_that_it_woke(tmp_path: Path, redis_url: str) -> None:
    with collecting() as collector, traced(tmp_path, redis_url, collector) as url, Gatelab(url) as gatelab:
        gatelab.add_corpus("wells", TEXT)
        [run] = gatelab.runs(gatelab.submit(SPEC).id)
        eventually(lambda: collector.named("gatelab-worker", "slice"), "the slice's span has arrived")
        eventually(lambda: collector.named("gatelab-service", "POST /v1/jobs"), "the request's span has arrived")
        [request] = collector.named("gatelab-service", "POST /v1/jobs")
        slices = collector.named("gatelab-worker", "slice")
        assert attributes(slices[0])["gatelab.run"] == run.id
        assert request.trace_id in {span.trace_id for span in slices}
        assert attributes(request)["http.route"] == "/v1/jobs"
        assert not [span.name for _, span in collector.spans if "readyz" in span.name]


CHECK = """
import sys
from service.app import create_app
create_app()
import worker.app, worker.telemetry.tracing
worker.telemetry.tracing.start()
extra = tuple(f"opentelemetry.{name}" for name in ("sdk", "exporter", "instrumentation"))
found = [name for name in sys.modules if name.startswith(extra)]
assert not found, found
"""


def test_without_a_collector_nothing_is_imported(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", CHECK]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_a_service_without_the_extra_starts_and_says_what_is_missing(tmp_path: Path) -> None:
    code = "import sys; sys.modules['opentelemetry.sdk.trace'] = None; from service.app import create_app; create_app()"
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "GATELAB_LOG_JSON": "true"}
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "install the extra otel" in found.stderr
