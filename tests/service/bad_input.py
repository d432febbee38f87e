"""Requests that the service refuses, and the contents of its answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response

from tests.service.installation import LIMITS, SPEC, Installation, spec

JSON = "application/json"
BIG = LIMITS.body_bytes + 1
IN_TRAINING: dict[str, Any] = SPEC["training"]


@dataclass(frozen=True)
class Refused:
    """`body` is data for JSON, raw bytes, or a function that yields chunks. `path` is what the problem names."""

    name: str
    body: Any
    status: int = 422
    type: str = "invalid-spec"
    path: str | None = None
    to: str = "/v1/jobs"
    method: str = "POST"
    content_type: str | None = JSON
    more: dict[str, Any] = field(default_factory=dict)

    def send(self, service: Installation) -> Response:
        body = self.body() if callable(self.body) else self.body
        content = json.dumps(body).encode() if isinstance(body, dict | list) else body
        headers = {"content-type": self.content_type} if self.content_type else {}
        return service.client.request(self.method, self.to, content=content, headers=headers, **self.more)


def chunks() -> Iterator[bytes]:
    """A body over the limit whose length is not declared."""
    return iter([b" " * 1000] * (BIG // 1000 + 1))


def cell(**changes: Any) -> dict[str, Any]:
    return SPEC | {"model": {"cell": SPEC["model"]["cell"] | changes}}


def lr(value: str) -> bytes:
    return b'{"corpus": "wells", "training": {"optimizer": {"kind": "sgd", "lr": %s}}}' % value.encode()


def grid(path: str, *values: Any) -> dict[str, Any]:
    return SPEC | {"grid": {path: values}}


LR = "training.optimizer.lr"
HIDDEN = "model.cell.hidden"

SPECS = [
    Refused("unknown field", SPEC | {"epochs": 3}, path="epochs"),
    Refused("unknown field inside", spec(epoch=3), path="training.epoch"),
    Refused("unknown field of a cell", cell(peepholes=True), path="model.cell.peepholes"),
    Refused("unknown cell", cell(kind="xlstm"), path="model.cell"),
    Refused("unknown gate", cell(gates=["forget"]), path="model.cell.gates.0"),
    Refused("no corpus", {"name": "tiny"}, path="corpus"),
    Refused("unknown corpus", SPEC | {"corpus": "verne"}, 404, "not-found"),
    Refused("corpus shorter than a window", spec(num_steps=600), path="training.num_steps"),
    Refused("fewer windows than asked for", spec(windows={"train": 900, "validation": 9}), path="training.windows"),
    *(Refused(f"lr {value}", lr(value), path=LR) for value in ("NaN", "Infinity", "-Infinity", "1e999", "0", "-1")),
    *(Refused(f"hidden {value}", cell(hidden=value), path=HIDDEN) for value in (0, -1, 10**9, 10**30, 1.5, "many")),
    Refused("hidden over the installation's limit", cell(hidden=LIMITS.hidden + 1), path=HIDDEN),
    Refused("epochs over the installation's limit", spec(epochs=LIMITS.epochs + 1), path="training.epochs"),
    Refused("name with a slash", SPEC | {"name": "a/b"}, path="name"),
    Refused("NUL in the sample's prefix", spec(sample={"prefix": "\0"}), path="training.sample.prefix"),
    Refused("prefix outside the vocabulary", spec(sample={"prefix": "the 日"}), path="training.sample.prefix"),
    Refused(
        "prefix outside the vocabulary in the grid",
        grid("training.sample.prefix", "the ", "é"),
        path="grid.training.sample.prefix",
    ),
    Refused("lone surrogate", b'{"corpus": "wells", "grid": {"\\ud800": [1]}}', path="grid"),
    Refused("unknown path in the grid", grid("model.cell.gaits", []), path="grid.model.cell.gaits"),
    Refused("path below a value", grid("model.layers.first", 1), path="grid.model.layers.first"),
    Refused("corpus without a name in the grid", grid("corpus", "wells", ""), path="grid.corpus"),
    Refused("forbidden value in the grid", grid(HIDDEN, 4, 0), path=f"grid.{HIDDEN}"),
    Refused("NaN in the grid", grid(LR, float("nan")), path=f"grid.{LR}"),
    Refused("no values in the grid", grid(HIDDEN), path=f"grid.{HIDDEN}"),
    Refused("value in the grid over the limit", grid(HIDDEN, 4, LIMITS.hidden + 1), path=f"grid.{HIDDEN}"),
    Refused("too long windows in the grid", grid("training.num_steps", 600), path="grid.training.num_steps"),
    Refused("too many runs", SPEC | {"repeats": LIMITS.runs_per_job + 1}, path="grid"),
    Refused("very many runs", SPEC | {"grid": {f"training.{n}": [0] * 99 for n in IN_TRAINING}}, path="grid"),
    Refused("no repeats", SPEC | {"repeats": 0}, path="repeats"),
    Refused("list instead of a spec", [SPEC], path=""),
    Refused("null", b"null", path=""),
    Refused("nothing", b"", path=""),
]


def corpus(name: str, body: Any, status: int = 422, type: str = "invalid-request", path: str | None = None) -> Refused:
    return Refused(name, body, status, type, path, to="/v1/corpora")


def upload(
    name: str, data: bytes, status: int = 422, type: str = "invalid-corpus", path: str | None = None, form: str = "file"
) -> Refused:
    """A multipart request with one file, in the form's field `form`."""
    files = {"files": {form: ("x.txt", data)}}
    return Refused(name, None, status, type, path, to="/v1/corpora", content_type=None, more=files)


CORPORA = [
    corpus("empty text", {"name": "x", "text": ""}, type="invalid-corpus", path="text"),
    corpus("blank text", {"name": "x", "text": " \n"}, type="invalid-corpus", path="text"),
    corpus("half a pair", b'{"name": "x", "text": "\\ud800"}', type="invalid-corpus", path="text"),
    corpus("text that is not a string", {"name": "x", "text": 1}, path="text"),
    corpus("no name", {"text": "abc"}, path="name"),
    corpus("name that is a path", {"name": "../x", "text": "abc"}, path="name"),
    corpus("unknown field of a corpus", {"name": "x", "text": "a", "n": 1}, path="n"),
    corpus("text over the limit", {"name": "x", "text": "a" * (LIMITS.corpus_bytes + 1)}, 413, "too-large"),
    corpus(
        "text over the limit in bytes", {"name": "x", "text": "ä" * (LIMITS.corpus_bytes // 2 + 1)}, 413, "too-large"
    ),
    upload("empty file", b"", path="text"),
    upload("file that is not UTF-8", b"ab\xff", path="file"),
    upload("file in UTF-16", "abc".encode("utf-16"), path="file"),
    upload("file over the limit", b"a" * (LIMITS.corpus_bytes + 1), 413, "too-large"),
    upload("form without a file", b"abc", type="invalid-request", path="file", form="text"),
    Refused("form without a boundary", b"x", 400, "bad-request", to="/v1/corpora", content_type="multipart/form-data"),
]

BODIES = [
    Refused(f"{name} to {to}", body, status, kind, path, to, content_type=content_type)
    for to in ("/v1/jobs", "/v1/corpora")
    for name, body, status, kind, path, content_type in (
        ("broken JSON", b'{"corpus":', 422, "invalid-request", "", JSON),
        ("JSON that is not UTF-8", b'{"corpus": "\xff"}', 422, "invalid-request", "", JSON),
        ("deeply nested JSON", b"[" * 9000 + b"]" * 9000, 422, "invalid-request", "", JSON),
        ("endless number", b"1" * 9000, 422, "invalid-request", "", JSON),
        ("body over the limit", b" " * BIG, 413, "too-large", None, JSON),
        ("body over the limit in chunks", chunks, 413, "too-large", None, JSON),
        ("text", b"corpus: wells", 422, "invalid-request", "", "text/plain"),
        ("JSON without its type", b'{"corpus": "wells"}', 422, "invalid-request", "", None),
    )
]

AS_A_CORPUS = [b" " * 1000] * (LIMITS.body_bytes // 1000)
"""A body so large that only a corpus may have it."""

BODIES += [
    Refused(f"{name} to {to}", body, status, kind, path, to)
    for name, body in (("as much as a corpus", b"".join(AS_A_CORPUS)), ("as much in chunks", lambda: iter(AS_A_CORPUS)))
    for to, status, kind, path in (
        ("/v1/jobs", 413, "too-large", None),
        ("/v1/corpora", 422, "invalid-request", ""),
    )
]

ADDRESSES = [
    Refused(f"{method} {to}", None, status, kind, to=to, method=method, content_type=None)
    for method, to, status, kind in (
        ("GET", "/v1/corpora/nothing", 404, "not-found"),
        ("DELETE", "/v1/corpora/nothing", 404, "not-found"),
        ("GET", "/v1/jobs/nothing", 404, "not-found"),
        ("DELETE", "/v1/jobs/nothing", 404, "not-found"),
        ("POST", "/v1/jobs/nothing/cancel", 404, "not-found"),
        ("POST", "/v1/jobs/nothing/pause", 404, "not-found"),
        ("POST", "/v1/jobs/nothing/resume", 404, "not-found"),
        ("GET", "/v1/runs?job=nothing", 404, "not-found"),
        ("GET", "/v1/runs/nothing", 404, "not-found"),
        ("GET", "/v1/runs/nothing/metrics", 404, "not-found"),
        ("GET", "/v1/runs/nothing/samples", 404, "not-found"),
        ("GET", "/v1/runs/nothing/checkpoints", 404, "not-found"),
        ("GET", "/v1/runs/nothing/checkpoints/1", 404, "not-found"),
        ("GET", "/v1/nothing", 404, "not-found"),
        ("PUT", "/v1/jobs", 405, "method-not-allowed"),
        ("POST", "/v1/runs", 405, "method-not-allowed"),
        ("GET", "/v1/runs/nothing/generate", 405, "method-not-allowed"),
    )
]

QUERIES = [
    Refused(to, None, type="invalid-request", path=path, to=to, method="GET", content_type=None)
    for to, path in (
        ("/v1/runs?limit=0", "limit"),
        ("/v1/jobs?limit=1001", "limit"),
        ("/v1/corpora?cursor=nonsense", "cursor"),
        ("/v1/runs?state=asleep", "state"),
    )
]

REFUSED = [*SPECS, *CORPORA, *BODIES, *ADDRESSES, *QUERIES]
