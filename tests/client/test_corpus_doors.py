"""Every interface makes the same corpus of a file: the same sha256 and the same notes, or the same refusal."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatelab.client.api import Gatelab
from gatelab.client.demo_corpus import find
from gatelab.errors import InvalidCorpus
from gatelab.store import Store
from gatelab.text import Corpus
from tests.client.live import Live
from tests.randomized import examples

Outcome = tuple[str, str]
"""`sha256` with the corpus's digest, or `refused` with the reason."""

letters = st.sampled_from(
    [*"abc ", "\n", "\r", "\r\n", "\0", "\ufeff", "\x07", "\x85", "\u2028", "é", "e\u0301", "文", "😀"]
)
texts = st.lists(letters, max_size=8).map("".join)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
files = st.builds(lambda text, encoding: text.encode(encoding, errors="ignore"), texts, encodings) | st.binary(
    max_size=8
)


def answered(status: int, body: Any) -> Outcome:
    if status == 201:
        return "sha256", body["sha256"]
    assert (status, body["type"]) == (422, "urn:gatelab:invalid-corpus")
    [problem] = body["problems"]
    assert problem["path"] in ("file", "text")
    return "refused", problem["message"]


def by_multipart(live: Live, data: bytes, folder: Path) -> Outcome:
    answer = live.service.client.post("/v1/corpora", files={"file": ("multipart.txt", data)})
    return answered(answer.status_code, answer.json())


def by_json(live: Live, data: bytes, folder: Path) -> Outcome:
    answer = live.service.client.post("/v1/corpora", json={"name": "json", "text": data.decode()})
    return answered(answer.status_code, answer.json())


def by_command(live: Live, data: bytes, folder: Path) -> Outcome:
    file = folder / "file.txt"
    file.write_bytes(data)
    result = live.command("corpora", "add", "command", str(file))
    if result.exit_code:
        assert result.stderr.startswith(f"{file}: ")
        return "refused", result.stderr.strip().removeprefix(f"{file}: ")
    found = re.match(r"command: \d+ characters, sha256 (\w+), id ", result.stdout)
    assert found
    return "sha256", found[1]


def by_client(live: Live, data: bytes | str, folder: Path) -> Outcome:
    with Gatelab(live.url) as gatelab:
        try:
            return "sha256", gatelab.add_corpus("client", data).sha256
        except InvalidCorpus as error:
            return "refused", error.problems[0].message


def by_client_as_text(live: Live, data: bytes, folder: Path) -> Outcome:
    return by_client(live, data.decode(), folder)


def by_library(live: Live, data: bytes, folder: Path) -> Outcome:
    try:
        return "sha256", Corpus.read("library", data).sha256
    except InvalidCorpus as error:
        return "refused", error.problems[0].message


def by_store(live: Live, data: bytes, folder: Path) -> Outcome:
    store: Store = live.service.store
    try:
        return "sha256", store.corpora.add("store", data.decode())[0].sha256
    except InvalidCorpus as error:
        return "refused", error.problems[0].message


Door = Callable[[Live, bytes, Path], Outcome]
OF_FILES: list[Door] = [by_multipart, by_command, by_client, by_library]
OF_TEXTS: list[Door] = [by_json, by_client_as_text, by_store]


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@examples(40)
@given(data=files)
@example(data=b"\xef\xbb\xbfa")
@example(data=b"\xef\xbb\xbf\xef\xbb\xbfa\r\n")
@example(data="ab".encode("utf-16-le"))
@example(data="ab".encode("utf-16"))
@example(data=b"caf\xe9")
@example(data=b"")
@example(data=b" \n")
def test_a_file_is_the_same_corpus_by_every_door(data: bytes, live_once: Live, folder: Path) -> None:
    live_once.clear()
    doors = OF_FILES + (OF_TEXTS if is_text(data) else [])
    outcomes = {door.__name__: door(live_once, data, folder) for door in doors}
    assert len(set(outcomes.values())) == 1, outcomes
    corpora = live_once.service.get("/v1/corpora")["data"]
    assert len({tuple(corpus["notes"]) for corpus in corpora}) <= 1


def test_half_a_pair_is_refused_alike_where_it_can_be_said(live_once: Live) -> None:
    live_once.clear()
    message = "must be valid Unicode; character 1 (in line 1) is a lone surrogate: half of a pair"
    content, headers = b'{"name": "x", "text": "a\\ud800"}', {"content-type": "application/json"}
    answer = live_once.service.client.post("/v1/corpora", content=content, headers=headers)
    assert answered(answer.status_code, answer.json()) == ("refused", message)
    assert by_client(live_once, "a\ud800", Path()) == ("refused", message)


def test_the_demo_reads_the_book_as_everything_else_does(tmp_path: Path) -> None:
    (tmp_path / "timemachine.txt").write_bytes(b"\xef\xbb\xbfThe Time\r\nMachine\r\n")
    found = find({"GATELAB_CORPORA": str(tmp_path)})
    assert (found.name, found.text) == ("time-machine", "The Time\r\nMachine\r\n")


def test_the_command_says_what_is_in_a_text(live_once: Live, tmp_path: Path) -> None:
    live_once.clear()
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbfab\r\nc\x07\n")
    result = live_once.command("corpora", "add", "book", str(tmp_path / "book.txt"))
    assert result.stdout.splitlines()[1:] == [
        "  The byte-order mark at the beginning was dropped.",
        "  Line ends: 1 CRLF, 1 LF. A model learns CR as a character of its own.",
        "  The text is in NFC: a letter and its accent are one character.",
        "  A spec can unify this: tokenizer.clean: [newlines].",
        "  Control characters, which a model learns too: 1 U+0007.",
        "  Letters: 0 of 3 are upper case (0.0%).",
    ]
    assert live_once.raw("/v1/corpora/book")["notes"] == [line.strip() for line in result.stdout.splitlines()[1:]]
