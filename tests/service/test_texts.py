"""Texts for each part, several corpora in a grid, and learned tokenizers, from the request to the report."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from gatelab.store.keys import Scope
from tests.service.installation import SPEC, Installation, bearer, installation, problem, spec
from tests.service.sse import events

STORY = "the time machine stood in the laboratory. é €, 日 🙂 the time traveller smiled at us and said nothing. " * 6
OTHER = "the medical man looked at the machine, and the machine looked at the medical man. " * 6
LEARNED: dict[str, dict[str, Any]] = {
    "bpe": {"kind": "bpe", "size": 290},
    "unigram": {"kind": "unigram", "size": 290},
    "words": {"kind": "words", "at_least": 1, "clean": ["newlines", "lower"]},
}


def add(service: Installation, name: str, text: str) -> str:
    answer = service.client.post("/v1/corpora", json={"name": name, "text": text})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("several")) as made:
        add(made, "story", STORY)
        add(made, "other", OTHER)
        yield made


@pytest.fixture(scope="module")
def runs(service: Installation) -> dict[str, str]:
    """The trained run for each learned tokenizer."""
    found = {}
    for name, tokenizer in LEARNED.items():
        job = service.submit(spec(epochs=1, sample={"prefix": "the ☃", "characters": 5}) | {
            "name": name, "corpus": "story", "tokenizer": tokenizer
        })  # fmt: skip
        service.work()
        [run] = service.runs(job["id"])
        assert run["state"] == "succeeded", run
        found[name] = run["id"]
    return found


# -- Corpora ------------------------------------------------------------------------------------------------------


def test_a_text_for_each_part_from_the_spec_to_the_report(service: Installation) -> None:
    texts = {"train": "story", "validation": "other"}
    job = service.submit(SPEC | {"corpus": texts})
    service.work()
    [run] = service.runs(job["id"])
    assert run["state"] == "succeeded", run
    assert run["spec"]["corpus"] == texts | {"test": None}
    assert run["metrics"]["validation_tokens"] == len(OTHER)
    assert run["metrics"]["test_tokens"] == len(STORY) - len(STORY) * 9 // 10
    report = service.get(f"/v1/jobs/{job['id']}/report")
    assert set(report["corpora"]) == {"story", "other"}
    again = service.client.post("/v1/jobs?dry_run=true", json=SPEC | {"corpus": texts}).json()
    assert again["trained"] == job["id"]
    alone = service.client.post("/v1/jobs?dry_run=true", json=SPEC | {"corpus": {"train": "story"}}).json()
    assert alone["trained"] is None


def test_a_grid_may_vary_the_corpus(service: Installation) -> None:
    grid = {"corpus": ["story", "other", {"train": "story", "validation": "other"}]}
    job = service.submit(SPEC | {"corpus": "story", "grid": grid})
    service.work()
    found = service.runs(job["id"])
    assert [run["state"] for run in found] == ["succeeded"] * 3
    assert len({run["metrics"]["validation_perplexity"] for run in found}) == 3
    warned = " ".join(service.get(f"/v1/jobs/{job['id']}/report")["warnings"])
    assert "different texts" in warned
    assert "other" in warned


def test_runs_with_one_validation_text_are_comparable(service: Installation) -> None:
    body = SPEC | {"corpus": {"train": "story", "validation": "other"}, "grid": {"corpus.train": ["story", "other"]}}
    job = service.submit(body)
    service.work()
    assert not any("different texts" in each for each in service.get(f"/v1/jobs/{job['id']}/report")["warnings"])


def test_a_name_and_an_id_are_one_corpus(service: Installation) -> None:
    id = service.get("/v1/corpora/story")["id"]
    planned = service.client.post(
        "/v1/jobs?dry_run=true", json=SPEC | {"corpus": "story", "grid": {"corpus": ["story", id]}}
    ).json()
    assert (planned["runs"], planned["left_out"]) == (1, 1)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_corpus_must_be_there(service: Installation, part: str) -> None:
    body = SPEC | {"corpus": {"train": "story"} | {part: "storry"}}
    told = problem(service.client.post("/v1/jobs", json=body), 404, "not-found")["detail"]
    assert "did you mean 'story'" in told or "story" in told


def test_a_corpus_that_is_only_tested_on_is_in_use(service: Installation) -> None:
    add(service, "held-out", OTHER)
    service.submit(SPEC | {"corpus": {"train": "story", "test": "held-out"}})
    problem(service.client.delete("/v1/corpora/held-out"), 409, "corpus-in-use")
    service.work()


def test_what_is_too_short_is_told_before_anything_is_queued(service: Installation) -> None:
    body = SPEC | {"corpus": "story"}
    cases = [
        ({"windows": {"split": [0.9, 0, 0.1]}}, "training.windows.split", "nothing is left for validation"),
        ({"windows": {"split": [0.5, 0.6, 0.1]}}, "training.windows", "add up to at most 1"),
    ]
    for training, path, words in cases:
        answer = service.client.post("/v1/jobs", json=body | {"training": SPEC["training"] | training})
        [fault] = problem(answer, 422, "invalid-spec")["problems"]
        assert fault["path"].startswith(path)
        assert words in fault["message"]


# -- What is learned ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LEARNED)
def test_scores_count_the_characters_of_the_text(service: Installation, runs: dict[str, str], name: str) -> None:
    text = "The time traveller ☃"
    answer = service.client.post(f"/v1/runs/{runs[name]}/score", json={"texts": [text, ""]})
    assert answer.status_code == 200, answer.text
    first, empty = answer.json()["data"]
    known = len(text) - first["unknown_characters"]
    assert first["characters"] == (known if name == "words" else len(text))
    assert (first["unknown_characters"] > 0) == (name == "words")
    assert first["tokens"] == len(first["log_probabilities"]) < len(text)
    assert (empty["tokens"], empty["bits_per_character"]) == (0, 0)


@pytest.mark.parametrize("name", LEARNED)
def test_a_stream_and_parts_write_what_one_request_writes(
    service: Installation, runs: dict[str, str], name: str
) -> None:
    path, body = f"/v1/runs/{runs[name]}/generate", {"prompt": "the ☃é", "temperature": 0.8, "seed": 3}
    whole = service.client.post(path, json=body | {"max_tokens": 40}).json()
    streamed = events(service.client.post(path, json=body | {"max_tokens": 40, "stream": True}).text)
    pieces = [event.data["text"] for event in streamed if event.name != "done"]
    assert "".join(pieces) == whole["text"]
    text, state, prompt = "", True, body["prompt"]
    for _ in range(8):
        now = service.client.post(path, json=body | {"prompt": prompt, "max_tokens": 5, "state": state}).json()
        text, state, prompt = text + now["text"], now["state"], ""
    assert whole["text"].startswith(text.rstrip("\N{REPLACEMENT CHARACTER}"))
    assert (whole["unknown_characters"] > 0) == (name == "words")


@pytest.mark.parametrize("name", LEARNED)
def test_offsets_are_those_of_the_text_as_it_was_given(service: Installation, runs: dict[str, str], name: str) -> None:
    prompt = "the ☃ TIME\r\nmachine é"
    body = {"model": runs[name], "prompt": prompt, "max_tokens": 6, "temperature": 0, "echo": True, "logprobs": 2}
    answer = service.client.post("/v1/completions", json=body)
    assert answer.status_code == 200, answer.text
    [choice] = answer.json()["choices"]
    assert choice["text"].startswith(prompt)
    offsets, tokens = choice["logprobs"]["text_offset"], choice["logprobs"]["tokens"]
    assert offsets == sorted(offsets)
    assert len(tokens) == len(offsets)
    for token, at in zip(tokens, offsets, strict=True):
        if not token.startswith(("bytes:", "<unk>")):
            shown = choice["text"][at : at + len(token) + 1].lower()
            assert token.lower() in (shown[:-1], shown.replace("\r\n", "\n")), (token, at)


@pytest.mark.parametrize("name", LEARNED)
def test_the_gate_lab_names_the_tokens(service: Installation, runs: dict[str, str], name: str) -> None:
    answer = service.client.post(f"/v1/runs/{runs[name]}/gates", json={"text": "the time ☃"})
    assert answer.status_code == 200, answer.text
    tokens = answer.json()["tokens"]
    assert tokens[0] == "<bos>"
    assert "".join(tokens[1:]).startswith("the time")


@pytest.mark.parametrize("name", LEARNED)
def test_recall_of_characters_is_refused(service: Installation, runs: dict[str, str], name: str) -> None:
    task = {"kind": "recall", "lag": 3}
    answer = service.client.post(f"/v1/runs/{runs[name]}/recall", json={"task": task})
    assert "is of single characters" in problem(answer, 422, "invalid-request")["problems"][0]["message"]


@pytest.mark.parametrize("name", LEARNED)
def test_tokens_come_back_as_text(service: Installation, runs: dict[str, str], name: str) -> None:
    path, prompt = f"/v1/runs/{runs[name]}/openai", "the time machine"
    ids = service.client.post(f"{path}/tokenize", json={"prompt": prompt, "add_special_tokens": False}).json()["tokens"]
    assert len(ids) < len(prompt)
    assert service.client.post(f"{path}/detokenize", json={"tokens": ids}).json()["prompt"] == prompt


def test_a_dry_run_of_a_long_text_learns_from_a_part(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatelab.specs import BpeTokenizerSpec
    from gatelab.specs.model import TokenizerSpec
    from gatelab.text import token_counts
    from gatelab.text.tokenizers import Tokenizer, train_tokenizer
    from service.jobs import text_sizes

    body = SPEC | {"corpus": "story", "tokenizer": LEARNED["bpe"]}
    exact = service.client.post("/v1/jobs?dry_run=true", json=body).json()
    monkeypatch.setitem(token_counts.MOST_LEARNED_FROM, BpeTokenizerSpec, 300)
    monkeypatch.setattr(text_sizes, "_known", OrderedDict())
    learned: list[int] = []

    def train(spec: TokenizerSpec, text: str) -> Tokenizer:
        learned.append(len(text))
        return train_tokenizer(spec, text)

    monkeypatch.setattr(token_counts, "train_tokenizer", train)
    near = service.client.post("/v1/jobs?dry_run=true", json=body).json()
    assert max(learned) <= 300
    assert near["parameters"]["largest"] >= exact["parameters"]["largest"]


def test_the_corpora_of_others_are_not_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    with installation(tmp_path_factory.mktemp("locked"), auth=True) as locked:
        ada, bob = (bearer(locked.store.keys.create(name, Scope.ADMIN, "test")[1]) for name in ("ada", "bob"))
        for owner, name in ((ada, "hers"), (bob, "his")):
            added = locked.client.post("/v1/corpora", json={"name": name, "text": STORY}, headers=owner)
            assert added.status_code == 201
        id = added.json()["id"]
        for key in ("his", id):
            named: list[dict[str, Any]] = [
                {"corpus": {"train": "hers", "validation": key}},
                {"corpus": {"train": "hers", "test": key}},
                {"corpus": "hers", "grid": {"corpus": ["hers", key]}},
            ]
            for body in named:
                problem(locked.client.post("/v1/jobs", json=SPEC | body, headers=ada), 404, "not-found")
        own = SPEC | {"corpus": {"train": "his", "test": id}}
        assert locked.client.post("/v1/jobs", json=own, headers=bob).status_code == 202
