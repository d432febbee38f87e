"""`/` serves the built page; the API's own addresses stay what they are."""

import gzip
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Router

from service import problems, schema
from service.static_files import StaticPages
from tests.service.installation import Installation, problem

PAGE = b"<!doctype html><title>Gatelab</title>"
SCRIPT = b"console.log('x')\n" * 100
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
PLAIN = {"Accept-Encoding": "identity"}


def client(folder: Path) -> TestClient:
    """A service with nothing but a page in `folder`."""
    app = FastAPI()
    problems.install(app)
    app.router.default = StaticPages(Router().not_found, folder, folder.parent / "guide")
    return TestClient(app, headers=PLAIN)


@pytest.fixture
def built(tmp_path: Path) -> TestClient:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "icon.svg").write_bytes(b"<svg/>")
    (folder / "assets" / "main-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets" / "main-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "main-1a2b.css").write_bytes(b"body {}")
    (tmp_path / "secret.js").write_bytes(b"not for everybody")
    return client(folder)


def test_the_page_is_asked_for_anew_and_may_load_nothing_from_elsewhere(built: TestClient) -> None:
    answer = built.get("/")
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert built.get("/", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "media_type", "caching"),
    [
        ("/assets/main-1a2b.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/main-1a2b.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/icon.svg", "image/svg+xml", "no-cache"),
    ],
)
def test_a_file_says_what_it_is_and_how_long_it_holds(
    path: str, media_type: str, caching: str, built: TestClient
) -> None:
    answer = built.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == caching
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [("gzip, deflate, br", "gzip"), ("gzip;q=0, br", None), ("identity", None), ("", None)],
)
def test_a_file_is_sent_as_the_build_compressed_it(accepted: str, sent: str | None, built: TestClient) -> None:
    answer = built.get("/assets/main-1a2b.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == sent
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == SCRIPT
    assert int(answer.headers["content-length"]) == len(gzip.compress(SCRIPT) if sent else SCRIPT)


@pytest.mark.parametrize("path", ["/jobs/job_1", "/playground?run=run_1", "/nothing"])
def test_a_browser_that_goes_to_a_view_gets_the_page(path: str, built: TestClient) -> None:
    assert built.get(path, headers=NAVIGATION).content == PAGE
    assert built.get(path, headers={"Accept": "text/html,*/*"}).content == PAGE
    problem(built.get(path), 404, "not-found")
    problem(built.get(path, headers={"Sec-Fetch-Mode": "cors", "Accept": "text/html"}), 404, "not-found")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/jobs/x/y/z", "/assets/main-0000.js"])
def test_an_unknown_address_of_the_api_or_of_a_file_is_no_view(path: str, built: TestClient) -> None:
    problem(built.get(path, headers=NAVIGATION), 404, "not-found")


@pytest.mark.parametrize("path", ["/../secret.js", "/%2e%2e/secret.js", "/assets/..%2f..%2fsecret.js", "/%00.js"])
def test_nothing_outside_the_folder_is_sent(path: str, built: TestClient) -> None:
    problem(built.get(path), 404, "not-found")


def test_nothing_can_be_written(built: TestClient) -> None:
    problem(built.post("/", json={}), 404, "not-found")


@pytest.mark.parametrize("headers", [{}, NAVIGATION])
def test_without_the_build_it_says_how_to_build(headers: dict[str, str], tmp_path: Path) -> None:
    answer = client(tmp_path / "dist").get("/", headers=headers)
    assert answer.status_code == 503
    assert "make page" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


# -- The guide ----------------------------------------------------------------------------------------------------


@pytest.fixture
def guide(built: TestClient, tmp_path: Path) -> TestClient:
    """The same service, with its guide built, too."""
    for path, content in {
        "index.html": b"home",
        "404.html": b"no such chapter",
        "start/first-hour/index.html": b"chapter",
        "search/search_index.json": b"{}",
        "images/tour.webp": b"RIFF",
        "images/tour.exe": b"MZ",
    }.items():
        file = tmp_path / "guide" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return built


@pytest.mark.parametrize(
    ("path", "media_type", "content"),
    [
        ("/guide/", "text/html; charset=utf-8", b"home"),
        ("/guide/start/first-hour/", "text/html; charset=utf-8", b"chapter"),
        ("/guide/search/search_index.json", "application/json", b"{}"),
        ("/guide/images/tour.webp", "image/webp", b"RIFF"),
    ],
)
def test_the_guide_is_served_under_the_page_s_content_policy(
    path: str, media_type: str, content: bytes, guide: TestClient
) -> None:
    answer = guide.get(path)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, content, media_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers.get("content-security-policy", "")
    assert policy.startswith("default-src 'self';") == media_type.startswith("text/html")


@pytest.mark.parametrize("path", ["/guide", "/guide/start/first-hour"])
def test_an_address_without_its_slash_leads_to_the_chapter(path: str, guide: TestClient) -> None:
    answer = guide.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, f"{path}/")


@pytest.mark.parametrize("path", ["/guide/nothing/", "/guide/images/tour.exe", "/guide/%2e%2e/dist/index.html"])
def test_what_the_guide_does_not_have_is_not_found(path: str, guide: TestClient) -> None:
    problem(guide.get(path), 404, "not-found")
    answer = guide.get(path, headers=NAVIGATION)
    assert (answer.status_code, answer.content) == (404, b"no such chapter")


@pytest.mark.parametrize("path", ["/guide", "/guide/", "/guide/start/first-hour/"])
def test_without_the_guide_it_says_how_to_build_it(path: str, built: TestClient) -> None:
    answer = built.get(path, headers=NAVIGATION)
    assert (answer.status_code, "make docs" in answer.text) == (404, True)


# -- Both ---------------------------------------------------------------------------------------------------------


def test_the_service_itself_serves_it_and_refuses_as_before(service: Installation) -> None:
    answer = service.client.get("/", follow_redirects=False)
    assert answer.status_code in (200, 503), "built or not"
    assert "Gatelab" in answer.text
    problem(service.client.get("/v1/nothing", headers=NAVIGATION), 404, "not-found")
    problem(service.client.get("/v1/jobs/x/cancel", headers=NAVIGATION), 405, "method-not-allowed")


def test_the_page_s_types_are_of_this_api() -> None:
    written = schema.FILE.read_text(encoding="utf-8")
    assert written == schema.document(), "the API has changed: `make openapi` writes service/web/openapi.json again"
