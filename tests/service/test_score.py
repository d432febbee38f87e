"""POST /v1/runs/{id}/score on the wire."""

import math

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.generation import build_decoder, score
from gatelab.network import Network
from tests.service.conftest import Trained
from tests.service.installation import problem

TEXTS = ["the time traveller", "", "zzz ☃", "t"]


def test_texts_are_judged_as_the_library_judges_them(trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/score"), json={"texts": TEXTS}).json()
    assert answer["checkpoint"] == trained.run["step"]
    data = trained.service.client.get(trained.path(f"/checkpoints/{answer['checkpoint']}")).content
    checkpoint = Checkpoint.from_bytes(data)
    decoder = build_decoder(Network.of(checkpoint))
    for text, scored in zip(TEXTS, answer["data"], strict=True):
        expected = score(decoder, checkpoint.tokenizer.encode(text))
        assert scored["log_probabilities"] == pytest.approx(expected.log_probabilities.tolist())
        assert scored["loss"] == pytest.approx(expected.loss)
        assert scored["perplexity"] == pytest.approx(math.exp(expected.loss))
        assert scored["bits_per_character"] == pytest.approx(expected.loss / math.log(2))
        assert (scored["characters"], scored["tokens"]) == (len(text), len(text))
    assert [scored["unknown_characters"] for scored in answer["data"]] == [0, 0, 4, 0]


def test_a_text_without_characters_takes_no_bits(trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/score"), json={"texts": [""]})
    assert '"bits_per_character":0.0' in answer.text, "not -0.0"


def test_what_the_model_was_trained_on_is_likelier_than_noise(trained: Trained) -> None:
    body = {"texts": ["the time traveller was", "xqj vzk wpy hgf bnm dl"], "tokens": False}
    known, noise = trained.service.client.post(trained.path("/score"), json=body).json()["data"]
    assert known["loss"] < noise["loss"]
    assert known["log_probabilities"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": ["a", "b" * 501]}, "texts.1"),
        ({"texts": [1]}, "texts.0"),
        ({"texts": ["a"], "checkpoint": "first"}, "checkpoint"),
        ({"text": "a", "texts": ["a"]}, "text"),
    ],
)
def test_a_fault_is_named_with_its_path(body: dict[str, object], path: str, trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/score"), json=body)
    assert path in [fault["path"] for fault in problem(answer, 422, "invalid-request")["problems"]]


def test_an_unknown_run_is_not_found(trained: Trained) -> None:
    problem(trained.service.client.post("/v1/runs/nobody/score", json={"texts": ["a"]}), 404, "not-found")
