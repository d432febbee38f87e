"""POST /v1/runs/{id}/generate on the wire."""

from typing import Any

import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.errors import Overloaded
from gatelab.generation import Batcher
from gatelab.network import Network
from gatelab.specs import Sampling
from service.generation import admission
from tests.generation.plain_generation import generate
from tests.service.conftest import Trained
from tests.service.installation import SPEC, Installation, problem

GREEDY: dict[str, Any] = {"prompt": "the ", "max_tokens": 20, "temperature": 0}
SEEDED: dict[str, Any] = {"prompt": "the ", "max_tokens": 20, "seed": 7}


def expected(trained: Trained, step: int, body: dict[str, Any]) -> str:
    """The text that the model of the downloaded checkpoint generates in this process."""
    data = trained.service.client.get(trained.path(f"/checkpoints/{step}")).content
    checkpoint = Checkpoint.from_bytes(data)
    how = Sampling.model_validate({key: value for key, value in body.items() if key != "prompt"})
    return "".join(token.text for token in generate(Network.of(checkpoint), checkpoint.tokenizer, body["prompt"], how))


@pytest.mark.parametrize("body", [GREEDY, SEEDED, SEEDED | {"temperature": 0.5, "top_k": 5, "top_p": 0.9}])
def test_the_text_is_the_one_that_the_library_writes(body: dict[str, Any], trained: Trained) -> None:
    answer = trained.generate(**body)
    assert answer == {
        "text": expected(trained, trained.run["step"], body),
        "tokens": 20,
        "finish_reason": "length",
        "checkpoint": trained.run["step"],
        "unknown_characters": 0,
        "state": None,
        "held": "",
    }
    assert trained.generate(**body) == answer


def test_temperature_0_takes_the_likeliest_whatever_the_seed(trained: Trained) -> None:
    texts = {trained.generate(**GREEDY, seed=seed)["text"] for seed in range(3)}
    assert len(texts) == 1
    assert trained.generate(**GREEDY | {"temperature": 5}, top_k=1)["text"] in texts


def test_another_seed_and_no_seed_give_other_texts(trained: Trained) -> None:
    seeded = {trained.generate(**SEEDED | {"seed": seed})["text"] for seed in range(3)}
    unseeded = {trained.generate(prompt="the ", max_tokens=20)["text"] for _ in range(3)}
    assert len(seeded | unseeded) == 6


def test_the_checkpoint_of_any_step_can_be_chosen(trained: Trained) -> None:
    answers = {step: trained.generate(**SEEDED, checkpoint=step) for step in (1, 3, 6)}
    for step, answer in answers.items():
        assert (answer["checkpoint"], answer["text"]) == (step, expected(trained, step, SEEDED))
    assert len({answer["text"] for answer in answers.values()}) == 3
    assert trained.generate(**SEEDED, checkpoint="latest") == answers[6]


def test_the_best_checkpoint_can_be_chosen(trained: Trained) -> None:
    metrics = trained.get("/metrics")["data"]
    best = min(metrics, key=lambda row: row["validation_loss"])["step"]
    assert trained.generate(**SEEDED, checkpoint="best") == trained.generate(**SEEDED, checkpoint=best)
    named = {"model": f"{trained.run['id']}@best", "prompt": "the ", "max_tokens": 9, "seed": 3}
    by_step = named | {"model": f"{trained.run['id']}@{best}"}
    texts = {
        trained.service.client.post("/v1/completions", json=body).json()["choices"][0]["text"]
        for body in (named, by_step)
    }
    assert len(texts) == 1


@pytest.mark.parametrize("as_list", [False, True])
def test_a_text_ends_before_a_stop_string(as_list: bool, trained: Trained) -> None:
    whole = trained.generate(**SEEDED)["text"]
    stop = whole[8:10]
    answer = trained.generate(**SEEDED, stop=["\n\n", stop] if as_list else stop)
    assert answer["text"] == whole[: whole.index(stop)]
    assert (answer["tokens"], answer["finish_reason"]) == (whole.index(stop) + 2, "stop")


def test_unknown_characters_are_read_as_unknown_and_counted(trained: Trained) -> None:
    answer = trained.generate(**GREEDY | {"prompt": "the €uro ☃"})
    assert (answer["unknown_characters"], answer["tokens"]) == (2, 20)
    assert answer["text"] == trained.generate(**GREEDY | {"prompt": "the ☃uro €"})["text"]


def test_everything_has_a_default(trained: Trained) -> None:
    answer = trained.generate()
    assert (answer["tokens"], answer["finish_reason"], len(answer["text"])) == (100, "length", 100)


def test_a_run_without_a_checkpoint_is_refused(service: Installation) -> None:
    service.add_corpus()
    [run] = service.runs(service.submit(SPEC)["id"])
    for stream in (False, True):
        answer = service.client.post(f"/v1/runs/{run['id']}/generate", json={"stream": stream})
        problem(answer, 409, "no-checkpoint")


def test_an_unknown_run_or_step_is_not_found(trained: Trained) -> None:
    client = trained.service.client
    problem(client.post("/v1/runs/nobody/generate", json={}), 404, "not-found")
    problem(client.post(trained.path("/generate"), json={"checkpoint": 9999}), 404, "not-found")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", "a" * 501),
        ("max_tokens", 201),
        ("max_tokens", 0),
        ("temperature", -1),
        ("top_k", 0),
        ("top_p", 0),
        ("top_p", 1.5),
        ("seed", -1),
        ("checkpoint", "first"),
        ("stream", "perhaps"),
        ("temprature", 1),
    ],
)
def test_a_fault_is_named_with_its_path(field: str, value: object, trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/generate"), json={field: value})
    assert {fault["path"] for fault in problem(answer, 422, "invalid-request")["problems"]} == {field}


@pytest.mark.parametrize("stream", [False, True])
def test_who_would_wait_too_long_is_told_when_to_come_back(
    stream: bool, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise Overloaded("256 texts are being written and 256 wait; try again soon")

    monkeypatch.setattr(Batcher, "open", full)
    monkeypatch.setattr(admission, "SHORT_FLOPS", 0)  # short texts need no place
    client = trained.service.client
    answer = client.post(trained.path("/generate"), json=GREEDY | {"stream": stream})
    assert "256 wait" in problem(answer, 429, "overloaded")["detail"]
    assert answer.headers["retry-after"] == "1"
    by_openai = client.post("/v1/completions", json={"model": trained.run["id"], "prompt": "a", "stream": stream})
    assert (by_openai.status_code, by_openai.headers["retry-after"]) == (429, "1")
    assert by_openai.json()["error"]["type"] == "rate_limit_error"
    monkeypatch.undo()
    trained.generate(**GREEDY)
