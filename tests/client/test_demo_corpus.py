"""All ways to get the demo's text, with real HTTP for those that download it."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gatelab.client import demo_corpus
from tests.processes import free_port

BOOK = b"The Time Traveller (for so it will be convenient to speak of him)"
SHA1 = hashlib.sha1(BOOK, usedforsecurity=False).hexdigest()


@contextmanager
def serving(content: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/timemachine.txt"
        server.shutdown()
        thread.join()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}/timemachine.txt"


def test_the_folder_of_corpora_comes_first(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "timemachine.txt").write_text("my own copy")
    found = demo_corpus.find(environment | {"GATELAB_CORPORA": str(tmp_path)}, nowhere(), SHA1)
    assert (found.name, found.text) == ("time-machine", "my own copy")


def test_the_book_is_downloaded_once(tmp_path: Path, environment: dict[str, str]) -> None:
    environment["GATELAB_CORPORA"] = str(tmp_path / "has-no-book")
    with serving(BOOK) as url:
        assert demo_corpus.find(environment, url, SHA1).text == BOOK.decode()
    assert demo_corpus.find(environment, nowhere(), SHA1).text == BOOK.decode()
    assert [file.name for file in (tmp_path / "cache" / "gatelab").iterdir()] == ["timemachine.txt"]


def test_a_damaged_cache_is_downloaded_again(tmp_path: Path, environment: dict[str, str]) -> None:
    cached = tmp_path / "cache" / "gatelab" / "timemachine.txt"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(BOOK[:10])
    with serving(BOOK) as url:
        assert demo_corpus.find(environment, url, SHA1).text == BOOK.decode()
    assert cached.read_bytes() == BOOK


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [(b"an advertisement", 200, "sha1"), (b"", 404, "404"), (b"x" * (2**20 + 1), 200, "larger than 1048576 bytes")],
)
def test_another_text_is_refused(
    tmp_path: Path, environment: dict[str, str], content: bytes, status: int, reason: str
) -> None:
    with serving(content, status) as url:
        found = demo_corpus.find(environment, url, SHA1)
    assert found.name == "python-topics"
    assert reason in found.origin
    assert not (tmp_path / "cache").exists()


def test_offline_python_itself_has_text(environment: dict[str, str]) -> None:
    found = demo_corpus.find(environment, nowhere(), SHA1)
    assert found.origin.startswith("Python's help texts, since The Time Machine could not be downloaded")
    assert len(found.text) == demo_corpus.PYTHON_CHARACTERS
    assert found.text == demo_corpus.find(environment, nowhere(), SHA1).text


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(BOOK) as url:
        found = demo_corpus.find({"XDG_CACHE_HOME": str(tmp_path / "file")}, url, SHA1)
    assert found.text == BOOK.decode()
