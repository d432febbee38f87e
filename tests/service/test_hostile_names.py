"""Names are data, never paths, and contain no invisible characters."""

import gzip
import json
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gatelab.specs import Limits
from tests.service.conftest import Trained
from tests.service.installation import SPEC, Installation, installation, problem, spec

OUT = ("../../etc/passwd", "..", "/etc/passwd", "....//", "..\\..\\secret", "session-key", "a/../session-key", "~root")
ENCODED = [
    *(quote(name, safe="") for name in OUT),
    *(quote(quote(name, safe=""), safe="") for name in OUT),
    *("%2e%2e%2f%2e%2e%2fsession-key", "%252e%252e%252fsession-key", "..%c0%af..%c0%afsession-key", "%00", "x%00.txt"),
    *("..%ef%bc%8fsession-key", ".%2e%5csession-key", "a" * 5000),
]
ADDRESSES = (
    "/v1/corpora/{}",
    "/v1/jobs/{}",
    "/v1/jobs/{}/report",
    "/v1/jobs/{}/events",
    "/v1/runs/{}",
    "/v1/runs/{}/checkpoints",
    "/v1/runs/{}/checkpoints/1",
    "/v1/runs/{}/export",
    "/v1/runs/{}/metrics",
    "/v1/models/{}",
)


def files(folder: Path) -> dict[str, bytes]:
    """All files except for the database, whose log changes with every reader."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("gatelab.db"))
    return {str(path): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("service")) as made:
        made.add_corpus()
        (made.settings.data_dir / "session-key").write_bytes(b"a secret")
        yield made


@pytest.mark.parametrize("name", ENCODED, ids=lambda name: name[:40])
def test_no_name_leads_to_a_file(name: str, service: Installation) -> None:
    rows, before = service.rows(), files(service.settings.data_dir)
    for address in ADDRESSES:
        for method in ("GET", "DELETE"):
            answer = service.client.request(method, address.format(name))
            assert answer.status_code in (404, 405), (method, address, answer.text)
            assert b"a secret" not in answer.content
    assert service.rows() == rows
    assert files(service.settings.data_dir) == before


HIDDEN = {
    "NUL": "a\0b",
    "a line's end": "a\nb",
    "right to left override": "a\u202eb",
    "left to right isolate": "a\u2066b",
    "zero width joiner": "a\u200db",
    "byte order mark": "\ufeffa",
    "a letter that looks like another": "\u0430bc",
    "a combining accent": "a\u0301",
    "half a character": "a\ud800",
    "an escape sequence": "a\x1b[31m",
    "a tag": "<script>",
    "long Unicode": "\u1e9e" * 100_000,
    "101 letters": "a" * 101,
    "a space": "a b",
    "dots": "..",
}


@pytest.mark.parametrize("name", HIDDEN.values(), ids=HIDDEN.keys())
@pytest.mark.parametrize("what", ["corpus", "made corpus", "job", "corpus of a job", "form"])
def test_names_are_plain_letters(name: str, what: str, service: Installation) -> None:
    before = service.rows()
    synthetic = {"kind": "recall", "lag": 1, "examples": 10}
    bodies: dict[str, tuple[str, Any, str]] = {
        "corpus": ("/v1/corpora", {"name": name, "text": "abc"}, "invalid-request"),
        "made corpus": ("/v1/corpora", {"name": name, "synthetic": synthetic}, "invalid-request"),
        "job": ("/v1/jobs", SPEC | {"name": name}, "invalid-spec"),
        "corpus of a job": ("/v1/jobs", SPEC | {"corpus": name}, "invalid-spec"),
    }
    if what == "form":
        if "\ud800" in name:
            return  # a form is UTF-8, which cannot say it
        form: dict[str, Any] = {"data": {"name": name}, "files": {"file": ("x.txt", b"abc")}}
        answer = service.client.post("/v1/corpora", **form)
        assert answer.status_code in (400, 413, 422), answer.text
    else:
        to, body, kind = bodies[what]
        content = json.dumps(body).encode()
        answer = service.client.post(to, content=content, headers={"content-type": "application/json"})
        if len(content) > service.settings.limits.body_bytes:
            problem(answer, 413, "too-large")
        else:
            fault = problem(answer, 422, kind)["problems"][0]
            assert fault["path"] in ("name", "corpus")
            assert "\u202e" not in fault["message"]
            assert "\0" not in fault["message"]
    assert service.rows() == before


def test_the_name_of_an_uploaded_file_is_no_path(service: Installation) -> None:
    upload = {"file": ("../../../tmp/evil.txt", b"some text that is long enough")}
    made = service.client.post("/v1/corpora", files=upload)
    assert made.json()["name"] == "evil"
    assert service.client.delete("/v1/corpora/evil").status_code == 204
    assert not Path("/tmp/evil.txt").exists()


# -- No field takes an address ----------------------------------------------------------------------------------------


def test_no_field_takes_an_address(service: Installation) -> None:
    """No field is an address by its name or format, so the service cannot be made to fetch anything."""

    def fields(node: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(node, dict):
            yield from (node.get("properties") or {}).items()
            if "in" in node and "name" in node:
                yield node["name"], node.get("schema")
            for value in node.values():
                yield from fields(value)
        elif isinstance(node, list):
            for value in node:
                yield from fields(value)

    found = list(fields(service.get("/openapi.json")))
    assert {"corpus", "prompt", "state", "Idempotency-Key"} <= {name for name, _ in found}
    words = ("url", "uri", "href", "link", "host", "callback", "webhook", "endpoint", "address", "path_to", "filename")
    for name, schema in found:
        assert not any(word in name.lower() for word in words), name
        assert not (isinstance(schema, dict) and schema.get("format") in ("uri", "url", "iri", "hostname")), name


# -- Nothing is unpacked ----------------------------------------------------------------------------------------------

BOMB = json.dumps({"name": "bomb", "text": "a" * 10_000_000}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"])
@pytest.mark.parametrize("to", ["/v1/corpora", "/v1/jobs", "/v1/completions"])
def test_a_compressed_body_is_not_unpacked(to: str, encoding: str, service: Installation) -> None:
    packed = zlib.compress(BOMB, 9) if encoding == "deflate" else gzip.compress(BOMB, 9)
    assert len(packed) < service.settings.limits.body_bytes
    before = service.rows()
    headers = {"content-type": "application/json", "content-encoding": encoding}
    answer = service.client.post(to, content=packed, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert len(answer.content) < 1000
    assert service.rows() == before


def test_a_compressed_upload_is_no_text(service: Installation) -> None:
    packed = {"file": ("x.txt.gz", gzip.compress(b"abc" * 100))}
    problem(service.client.post("/v1/corpora", files=packed), 422, "invalid-corpus")


# -- Depth and numbers ------------------------------------------------------------------------------------------------

DEEP = ("[" * 3000 + "]" * 3000, '{"a":' * 2000 + "1" + "}" * 2000)


@pytest.mark.parametrize("value", [*DEEP, "NaN", "-Infinity", "1e999", "1" + "0" * 400, '{"a": 1, "a": NaN}'], ids=len)
@pytest.mark.parametrize("route", ["generate", "score", "gates", "recall", "states/mix", "openai/tokenize"])
@pytest.mark.parametrize("field", ["prompt", "temperature", "texts", "task", "share", "clamp"])
def test_whatever_a_field_is_given_the_answer_is_short_and_a_refusal(
    route: str, field: str, value: str, trained: Trained
) -> None:
    content = f'{{"{field}": {value}}}'.encode()
    headers = {"content-type": "application/json"}
    answer = trained.service.client.post(trained.path(f"/{route}"), content=content, headers=headers)
    assert answer.status_code in (400, 413, 422), answer.text
    assert len(answer.content) < 5000


# -- What a page shows ------------------------------------------------------------------------------------------------

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>{{7*7}}</style>"


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_of_users_is_text_in_a_report(tmp_path: Path) -> None:
    """A corpus and a prefix full of tags; the text that the model generates from them is in the page, too."""
    with installation(tmp_path, limits=Limits()) as made:
        body = {"name": "wells", "text": EVIL * 30}
        assert made.client.post("/v1/corpora", json=body).status_code == 201
        job = made.submit(spec(sample={"prefix": EVIL, "characters": 200}, epochs=1) | {"repeats": 2})["id"]
        made.work()
        answer = made.client.get(f"/v1/jobs/{job}/report?format=html")
        assert answer.headers["content-type"].startswith("text/html")
        page = Page()
        page.feed(answer.text)
        assert EVIL in page.text
        assert "49</style>" not in answer.text
        names = {tag for tag, _ in page.elements}
        assert not names & {"script", "img", "iframe", "object", "embed", "base", "form", "link"}
        for tag, attributes in page.elements:
            assert not any(name.startswith("on") or name in ("src", "href") for name in attributes), (tag, attributes)
        policy = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
        assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
        [shown] = {run["sample"][: len(EVIL)] for run in made.runs(job)}
        assert shown == EVIL
