"""/v1/corpora on the wire."""

import hashlib
from collections import Counter

import pytest
from fastapi.testclient import TestClient

from tests.service.installation import SPEC, Installation, problem
from tests.store.conftest import old_corpus

ABC = {"name": "abc", "text": "abc äöü 😀"}


def test_a_new_text_is_created(http: TestClient) -> None:
    answer = http.post("/v1/corpora", json=ABC)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/corpora/{body['id']}"
    assert {key: body[key] for key in ("name", "sha256", "characters")} == {
        "name": "abc",
        "sha256": hashlib.sha256(ABC["text"].encode()).hexdigest(),
        "characters": 9,
    }


def test_the_same_name_and_text_is_the_corpus_that_is_there(http: TestClient) -> None:
    first = http.post("/v1/corpora", json=ABC)
    second = http.post("/v1/corpora", json=ABC)
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["location"] == first.headers["location"]


def test_the_same_name_with_another_text_is_refused(service: Installation) -> None:
    first = service.client.post("/v1/corpora", json=ABC).json()
    problem(service.client.post("/v1/corpora", json=ABC | {"text": "abd"}), 409, "corpus-name-taken")
    assert service.get("/v1/corpora/abc") == first


def test_a_file_is_the_same_corpus_as_its_text(http: TestClient) -> None:
    first = http.post("/v1/corpora", json=ABC)
    second = http.post("/v1/corpora", files={"file": ("abc.txt", ABC["text"].encode())})
    assert (second.status_code, second.json()) == (200, first.json())


def test_a_file_may_be_given_another_name(http: TestClient) -> None:
    answer = http.post("/v1/corpora", files={"file": ("abc.txt", b"abc")}, data={"name": "other"})
    assert (answer.status_code, answer.json()["name"]) == (201, "other")


def test_a_byte_order_mark_is_no_part_of_a_file_s_text(http: TestClient) -> None:
    answer = http.post("/v1/corpora", files={"file": ("abc.txt", b"\xef\xbb\xbfabc")})
    assert answer.json()["characters"] == 3
    assert answer.json()["sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_a_text_may_hold_any_character_but_nul(service: Installation) -> None:
    text = "a\x01b\r\n\ufeff\U0010ffff"
    answer = service.client.post("/v1/corpora", json={"name": "odd", "text": text})
    assert answer.status_code == 201
    assert service.store.corpora.text(answer.json()["id"]) == text
    refusal = problem(service.client.post("/v1/corpora", json={"name": "nul", "text": "a\0b"}), 422, "invalid-corpus")
    assert refusal["problems"][0]["message"].startswith(
        "must not contain the NUL character, as character 1 (in line 1)"
    )


def test_a_corpus_with_nul_from_before_is_read_and_trained_on(service: Installation) -> None:
    text = "\ufeff" + "the time\0 machine " * 60
    old_corpus(service.store, "wells", text)
    assert service.get("/v1/corpora/wells")["notes"] == []
    assert service.get("/v1/corpora/wells/text?characters=9")["text"] == text[:9]
    assert {"character": "\0", "count": 60} in service.get("/v1/corpora/wells/alphabet")["data"]
    job = service.submit()
    service.work()
    assert [run["state"] for run in service.runs(job["id"])] == ["succeeded"]


def test_a_form_says_everything_once_and_nothing_else(http: TestClient) -> None:
    file = ("file", ("abc.txt", b"abc"))
    twice = http.post("/v1/corpora", files=[file, ("name", (None, b"one")), ("name", (None, b"two"))])
    assert problem(twice, 422, "invalid-request")["problems"] == [{"path": "name", "message": "is given 2 times"}]
    more = http.post("/v1/corpora", files=[file, ("colour", (None, b"red"))])
    message = "unknown field; use file and name"
    assert problem(more, 422, "invalid-request")["problems"] == [{"path": "colour", "message": message}]


# -- Names ------------------------------------------------------------------------------------------------------------


def test_a_corpus_that_is_not_there_is_answered_with_what_there_is(service: Installation) -> None:
    def said(name: str) -> str:
        return str(problem(service.client.get(f"/v1/corpora/{name}"), 404, "not-found")["detail"])

    assert said("verne") == "there is no corpus 'verne'; there is none yet"
    service.client.post("/v1/corpora", files={"file": ("timemachine.txt", b"the time machine")})
    assert said("time-machine") == "there is no corpus 'time-machine'; did you mean 'timemachine'?"
    assert said("TimeMachine") == "there is no corpus 'TimeMachine'; did you mean 'timemachine'?"
    assert said("verne") == "there is no corpus 'verne'; there are: timemachine"
    for number in range(6):
        service.client.post("/v1/corpora", json={"name": f"book{number}", "text": "abc"})
    assert said("verne") == "there is no corpus 'verne'; there are: book5, book4, book3, book2, book1, ..."
    refusal = service.client.post("/v1/jobs", json=SPEC | {"corpus": "time_machine"})
    detail = problem(refusal, 404, "not-found")["detail"]
    assert detail == "there is no corpus 'time_machine'; did you mean 'timemachine'?"
    gone = problem(service.client.delete("/v1/corpora/bok1"), 404, "not-found")
    assert gone["detail"] == "there is no corpus 'bok1'; did you mean 'book1'?"


def test_only_the_account_s_own_corpora_are_named(service: Installation) -> None:
    service.store.corpora.add("secret-book", "abc", "somebody")
    answer = problem(service.client.get("/v1/corpora/secret-bok"), 404, "not-found")
    assert answer["detail"] == "there is no corpus 'secret-bok'; there is none yet"


@pytest.mark.parametrize("kind", ["corpus", "job", "run", "key", "RUN"])
def test_a_new_name_does_not_look_like_an_id(kind: str, service: Installation) -> None:
    corpus = service.add_corpus()
    name = kind + corpus["id"].removeprefix("corpus")
    message = f"must not look like the id of a {kind.lower()}, as {name!r} does; choose another name"
    synthetic = {"kind": "recall", "lag": 1, "examples": 10}
    before = service.rows()
    for path, body, type in (
        ("/v1/corpora", {"name": name, "text": "abc"}, "invalid-request"),
        ("/v1/corpora", {"name": name, "synthetic": synthetic}, "invalid-request"),
        ("/v1/jobs", SPEC | {"name": name}, "invalid-spec"),
        ("/v1/jobs?dry_run=true", SPEC | {"name": name}, "invalid-spec"),
        ("/v1/keys", {"account": "a", "name": name}, "invalid-request"),
    ):
        answer = problem(service.client.post(path, json=body), 422, type)
        assert answer["problems"] == [{"path": "name", "message": message}], path
    answer = service.client.post("/v1/corpora", files={"file": (f"{name}.txt", b"abc")})
    assert problem(answer, 422, "invalid-request")["problems"] == [{"path": "name", "message": message}]
    assert service.rows() == before


@pytest.mark.parametrize("name", ["corpus-1", "run-of-the-mill", "job", "key-01", "corpus-0123456789abcdefgi"])
def test_a_name_may_begin_as_an_id_does(name: str, service: Installation) -> None:
    assert service.client.post("/v1/corpora", json={"name": name, "text": "abc"}).status_code == 201


@pytest.mark.parametrize("key", ["id", "name"])
def test_a_corpus_is_found_by(key: str, service: Installation) -> None:
    corpus = service.add_corpus()
    assert service.get(f"/v1/corpora/{corpus[key]}") == corpus


def test_corpora_are_listed_newest_first_in_pages(http: TestClient) -> None:
    made = [http.post("/v1/corpora", json={"name": f"c{n}", "text": f"text {n}"}).json() for n in range(5)]
    first = http.get("/v1/corpora?limit=3").json()
    rest = http.get("/v1/corpora", params={"limit": 3, "cursor": first["next"]}).json()
    assert first["data"] + rest["data"] == made[::-1]
    assert rest["next"] is None


def test_a_corpus_is_deleted(http: TestClient) -> None:
    http.post("/v1/corpora", json=ABC)
    answer = http.delete("/v1/corpora/abc")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(http.get("/v1/corpora/abc"), 404, "not-found")


def test_a_corpus_that_a_job_uses_is_not_deleted(service: Installation) -> None:
    service.add_corpus()
    job = service.submit()
    problem(service.client.delete("/v1/corpora/wells"), 409, "corpus-in-use")
    assert service.get("/v1/corpora/wells")["name"] == "wells"
    service.client.delete(f"/v1/jobs/{job['id']}")
    assert service.client.delete("/v1/corpora/wells").status_code == 204


# -- Looking at one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "piece"), [("", "abc äöü 😀"), ("?start=4", "äöü 😀"), ("?start=1&characters=2", "bc"), ("?start=99", "")]
)
def test_a_text_is_read_piece_by_piece(query: str, piece: str, service: Installation) -> None:
    service.client.post("/v1/corpora", json=ABC)
    answer = service.get(f"/v1/corpora/abc/text{query}")
    assert (answer["text"], answer["characters"]) == (piece, 9)


@pytest.mark.parametrize("query", ["start=-1", "characters=0", "characters=1000001", "start=x"])
def test_a_piece_that_cannot_be_is_refused(query: str, http: TestClient) -> None:
    http.post("/v1/corpora", json=ABC)
    problem(http.get(f"/v1/corpora/abc/text?{query}"), 422, "invalid-request")


def test_an_alphabet_has_what_a_model_tells_apart(service: Installation) -> None:
    service.client.post("/v1/corpora", json={"name": "abc", "text": "Abba, äb😀!"})
    plain = service.get("/v1/corpora/abc/alphabet")
    assert plain["characters"] == 10
    assert {letter["character"]: letter["count"] for letter in plain["data"]} == dict(Counter("Abba, äb😀!"))
    assert [letter["character"] for letter in plain["data"]] == ["b", " ", "!", ",", "A", "a", "ä", "😀"]
    letters = service.get("/v1/corpora/abc/alphabet?normalize=letters")
    assert letters["characters"] == len("abba b ")
    assert [(letter["character"], letter["count"]) for letter in letters["data"]] == [("b", 3), (" ", 2), ("a", 2)]


def test_what_is_not_there_cannot_be_looked_at(http: TestClient) -> None:
    problem(http.get("/v1/corpora/nothing/text"), 404, "not-found")
    problem(http.get("/v1/corpora/nothing/alphabet"), 404, "not-found")
