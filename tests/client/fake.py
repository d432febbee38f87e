"""A small service that speaks the wire: real HTTP on a real port, with its answers set by the test."""

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PAGE = 2
"""Items of a page: few, so that every list has several."""

SPEC: dict[str, Any] = {
    "corpus": "book",
    "model": {"cell": {"kind": "gru", "hidden": 32, "gates": ["reset"], "reset": "before"}},
    "training": {"num_steps": 10, "batch_size": 10, "seed": 3},
}


def job(key: str = "job-1", **changes: Any) -> dict[str, Any]:
    counts = {"total": 1, "queued": 0, "running": 0, "succeeded": 1, "failed": 0, "cancelled": 0, "paused": 0}
    fields = {"id": key, "name": "demo", "state": "succeeded", "runs": counts, "spec": SPEC, "progress": 1.0}
    return {**fields, "created_at": "2026-11-23T12:00:00Z", "eta_seconds": 0.0, "from_the_future": True, **changes}


def run(key: str = "run-1", **changes: Any) -> dict[str, Any]:
    metrics = {"train_perplexity": 4.5, "validation_perplexity": 5.25, "bits_per_character": 2.392}
    fields = {"id": key, "job": "job-1", "index": 0, "state": "succeeded", "spec": SPEC, "parameters": 6000}
    speed = {"seconds": 12.5, "tokens_per_second": 123_456.0, "from_the_future": 1}
    place = {"step": 100, "total_steps": 100, "epoch": 2, "sample": "it has [bold]", "error": None, "device": "cpu"}
    return {**fields, **place, "metrics": {**metrics, **speed}, "from_the_future": [], **changes}


def plan(**seconds: Any) -> dict[str, Any]:
    known = {"total": 130.0, "longest_run": 42.0, "device": "cpu", "calibrated_from": 7, "reason": None}
    memory = {"bytes": 3 * 2**20, "covers": "all of it"}
    parameters = {"smallest": 950, "largest": 12_300}
    return {"runs": 4, "parameters": parameters, "memory": memory, "seconds": known | seconds, "from_the_future": 1}


RECALL = {"checkpoint": 50, "accuracy": 0.75, "loss": 0.5, "chance": 0.125, "symbols": 1000, "from_the_future": 1}


def gates() -> dict[str, Any]:
    """What the gates of two units do while they read "a b": the second one moves."""
    series = {"mean": [0.25, 0.5, 0.25, 0.5], "quantiles": {"0.5": [0.25, 0.5, 0.25, 0.5]}}
    shares = {"near_zero": [0.5, 0.5, 0.5, 0.5], "near_one": [0.0, 0.5, 0.0, 0.5]}
    layer = {
        "layer": 0,
        "units": [3, 8],
        "gates": {"update": [[0.0, 0.5], [0.0, 1.0], [0.0, 0.5], [0.0, 1.0]]},
        "hidden": [[-1.0, 0.25], [0.0, 0.0], [1.0, 0.75], [None, -0.5]],
        "cell": None,
        "statistics": {"update": series | shares, "hidden": series},
    }
    influence = {"output": 2, "layer": 0, "initial_state": 0.0, "memory_length": 2}
    norms = [{"at": 1, "token": "a", "norm": 0.5}, {"at": 2, "token": " ", "norm": 2.0}]
    return {
        "checkpoint": 50,
        "tokens": ["<bos>", "a", " ", "b"],
        "unknown_characters": 1,
        "layers": [layer],
        "next": [{"token": "c", "id": 5, "probability": 0.75}, {"token": "\n", "id": 2, "probability": 0.25}],
        "influence": influence | {"inputs": norms},
        "from_the_future": {},
    }


def event(number: int, kind: str, **data: Any) -> tuple[int, str, dict[str, Any]]:
    return number, kind, {"run": None, **data}


@dataclass
class FakeService:
    """What the service has and does, and what it was asked."""

    url: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=lambda: [job()])
    runs: list[dict[str, Any]] = field(default_factory=lambda: [run()])
    corpora: list[dict[str, Any]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=lambda: plan())
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    """The connections of event streams break after these event numbers, each once."""
    refusals: list[Response] = field(default_factory=list)
    """Given out, one a request, before anything else is answered."""
    pieces: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    last_event_ids: list[str | None] = field(default_factory=list)
    idempotency_keys: list[str] = field(default_factory=list)
    queries: list[list[tuple[str, str]]] = field(default_factory=list)
    """Of the requests for plans and reports."""

    def routes(self) -> list[Route]:
        point = {"epoch": 1, "step": 50}
        metrics = {"data": [{**point, "train_loss": 1.5, "validation_loss": None}]}
        samples = {"data": [{**point, "prefix": "it ", "text": "has"}]}
        checkpoints = {"data": [{**point, "sha256": "ab", "size": 3}], "next": None}
        corpus = {"id": "c-1", "name": "book", "sha256": "a" * 64, "characters": 5}
        return [
            self._route("GET", "/corpora", lambda request: self._page(request, self.corpora)),
            self._route("POST", "/corpora", lambda _: JSONResponse(corpus, 201)),
            self._route("GET", "/jobs", lambda request: self._page(request, self.jobs)),
            self._route("POST", "/jobs", self._submit),
            self._route("GET", "/jobs/{key}", lambda request: self._one(request, self.jobs)),
            self._route("POST", "/jobs/{key}/{act}", lambda request: self._one(request, self.jobs)),
            self._route("GET", "/jobs/{key}/events", self._events),
            self._route("GET", "/jobs/{key}/report", self._report),
            self._route("GET", "/compare", self._report),
            self._route("GET", "/runs", lambda request: self._page(request, self.runs)),
            self._route("GET", "/runs/{key}", lambda request: self._one(request, self.runs)),
            self._route("GET", "/runs/{key}/metrics", lambda _: JSONResponse(metrics)),
            self._route("GET", "/runs/{key}/samples", lambda _: JSONResponse(samples)),
            self._route("GET", "/runs/{key}/checkpoints", lambda _: JSONResponse(checkpoints)),
            self._route("GET", "/runs/{key}/checkpoints/50", lambda _: Response(b"\x00\x01\x02")),
            self._route("POST", "/runs/{key}/generate", self._generate),
            self._route("POST", "/runs/{key}/gates", self._gates),
            self._route("POST", "/runs/{key}/recall", lambda _: JSONResponse(RECALL)),
            self._route("DELETE", "/{rest:path}", lambda _: Response(status_code=204)),
        ]

    def _route(self, method: str, path: str, answer: Callable[[Request], Response]) -> Route:
        async def handler(request: Request) -> Response:
            body = await request.body()
            self.asked.append((request.method, request.scope["path"], json.loads(body) if body else None))
            return self.refusals.pop(0) if self.refusals else answer(request)

        return Route(f"/v1{path}", handler, methods=[method])

    def _page(self, request: Request, items: list[dict[str, Any]]) -> Response:
        start = int(request.query_params.get("cursor", 0))
        following = start + PAGE
        data = items[start:following]
        return JSONResponse({"data": data, "next": str(following) if following < len(items) else None})

    def _one(self, request: Request, items: list[dict[str, Any]]) -> Response:
        key = request.path_params["key"]
        for item in items:
            if item["id"] == key:
                return JSONResponse(item)
        return problem(404, "not-found", "Not found", f"there is no {key!r}")

    def _report(self, request: Request) -> Response:
        self.queries.append(request.query_params.multi_items())
        return Response("| a |\n\x1b[31m é\n", media_type="text/markdown")

    def _submit(self, request: Request) -> Response:
        if request.query_params:
            self.queries.append(request.query_params.multi_items())
            return JSONResponse(self.plan)
        self.idempotency_keys += request.headers.getlist("Idempotency-Key")
        brief = {name: self.jobs[0][name] for name in ("id", "name", "state", "runs")}
        return JSONResponse(brief, 202, {"Location": f"/v1/jobs/{brief['id']}"})

    def _events(self, request: Request) -> Response:
        if (job := self._one(request, self.jobs)).status_code != 200:
            return job
        last = request.headers.get("Last-Event-ID")
        self.last_event_ids.append(last)
        return StreamingResponse(self._stream(int(last or 0)), media_type="text/event-stream")

    async def _stream(self, after: int) -> AsyncIterator[str]:
        yield ": keep-alive\n\n"
        for number, kind, data in self.events:
            if number > after:
                yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
                if number in self.cut_after:
                    self.cut_after.remove(number)
                    raise ConnectionResetError("the test cuts the connection here")

    def _gates(self, _: Request) -> Response:
        return Response(b"PK..") if self.asked[-1][2].get("format") == "npz" else JSONResponse(gates())

    def _generate(self, _: Request) -> Response:
        asked = self.asked[-1][2]
        ending = {"tokens": 3, "finish_reason": "length", "checkpoint": 50, "unknown_characters": 1}
        if not asked.get("stream"):
            return JSONResponse({"text": " has", **ending})
        pieces = self.pieces or [(None, {"text": " h"}), (None, {"text": "as"}), ("done", ending)]
        lines = (f"event: {kind}\n" * bool(kind) + f"data: {json.dumps(data)}\n\n" for kind, data in pieces)
        return StreamingResponse(iter(list(lines)), media_type="text/event-stream")


def problem(status: int, code: str, title: str, detail: str, problems: tuple[tuple[str, str], ...] = ()) -> Response:
    """A problem document (RFC 9457)."""
    found = [{"path": path, "message": message} for path, message in problems]
    document = {"type": f"urn:gatelab:{code}", "title": title, "status": status, "detail": detail, "problems": found}
    return JSONResponse(document, status, media_type="application/problem+json")


@contextmanager
def serving(fake: FakeService, port: int = 0) -> Iterator[FakeService]:
    """`fake` on a port of this machine; `fake.url` is its address."""
    app = Starlette(routes=fake.routes())
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the fake service did not start"
        time.sleep(0.01)
    fake.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join()
