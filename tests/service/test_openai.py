"""OpenAI's API, driven by OpenAI's own client over a real connection."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
import torch
from openai import OpenAI

from service.app import create_app
from tests.rounding import assert_rounded
from tests.service.conftest import Trained
from tests.service.installation import TEXT
from tests.service.live import serving

PROMPT = "the "
SEEDED: dict[str, Any] = {"prompt": PROMPT, "max_tokens": 20, "seed": 7}
TERMS = 20 * (1 + 6)
"""The number of terms in a likelihood: for every character, those of 6 hidden units."""


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[OpenAI]:
    with (
        serving(create_app(trained.service.settings)) as url,
        OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def test_a_completion_is_the_text_that_generate_gives(client: OpenAI, trained: Trained) -> None:
    found = client.completions.create(model=trained.run["id"], **SEEDED)
    expected = trained.generate(**SEEDED)
    [choice] = found.choices
    assert (choice.text, choice.finish_reason, choice.index) == (expected["text"], "length", 0)
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (4, 20, 24)
    assert (found.model, found.object) == (trained.run["id"], "text_completion")


def test_a_stream_is_the_same_text(client: OpenAI, trained: Trained) -> None:
    chunks = list(
        client.completions.create(
            model=trained.run["id"], stream=True, stream_options={"include_usage": True}, **SEEDED
        )
    )
    assert "".join(c.choices[0].text for c in chunks if c.choices) == trained.generate(**SEEDED)["text"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 20
    assert len({c.id for c in chunks}) == 1


def test_a_checkpoint_is_a_model_of_its_own(client: OpenAI, trained: Trained) -> None:
    found = client.completions.create(model=f"{trained.run['id']}@3", **SEEDED)
    assert found.choices[0].text == trained.generate(**SEEDED, checkpoint=3)["text"]


def test_many_prompts_and_several_choices_of_each(client: OpenAI, trained: Trained) -> None:
    found = client.completions.create(
        model=trained.run["id"], prompt=["the ", "a "], n=2, max_tokens=15, seed=1, temperature=2
    )
    texts = [choice.text for choice in found.choices]
    assert [choice.index for choice in found.choices] == [0, 1, 2, 3]
    assert texts[0] != texts[1]
    assert texts[2] != texts[3]
    assert texts[0] == trained.generate(prompt="the ", max_tokens=15, seed=1, temperature=2)["text"]
    streamed = [""] * 4
    for chunk in client.completions.create(
        model=trained.run["id"], prompt=["the ", "a "], n=2, max_tokens=15, seed=1, temperature=2, stream=True
    ):
        streamed[chunk.choices[0].index] += chunk.choices[0].text
    assert streamed == texts


def test_token_ids_are_prompts_too(client: OpenAI, trained: Trained) -> None:
    spelled = client.completions.create(model=trained.run["id"], **SEEDED | {"logprobs": 0, "echo": True})
    assert spelled.choices[0].logprobs is not None
    names = spelled.choices[0].logprobs.tokens or []
    assert "".join(names) == spelled.choices[0].text
    # Ids are the places in the sorted vocabulary, after the two special tokens.
    characters = sorted(set(TEXT))
    ids = [2 + characters.index(character) for character in PROMPT]
    for prompt in (ids, [ids]):
        found = client.completions.create(model=trained.run["id"], **SEEDED | {"prompt": prompt})
        assert PROMPT + found.choices[0].text == spelled.choices[0].text


def test_logprobs_of_an_echoed_prompt_are_its_score(client: OpenAI, trained: Trained) -> None:
    found = client.completions.create(model=trained.run["id"], prompt="the time", max_tokens=0, echo=True, logprobs=2)
    [choice] = found.choices
    assert choice.text == "the time"
    assert choice.logprobs is not None
    [scored] = trained.service.client.post(trained.path("/score"), json={"texts": ["the time"]}).json()["data"]
    assert_rounded(choice.logprobs.token_logprobs, scored["log_probabilities"], terms=TERMS, dtype=torch.float32)
    assert choice.logprobs.text_offset == list(range(8))
    assert all(len(top) == 2 for top in choice.logprobs.top_logprobs or [])


def test_logprobs_of_what_is_written_are_greedy_s_own(client: OpenAI, trained: Trained) -> None:
    found = client.completions.create(
        model=trained.run["id"], prompt=PROMPT, max_tokens=12, temperature=0, logprobs=1, echo=True
    )
    logprobs = found.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.tokens is not None
    assert logprobs.token_logprobs is not None
    assert logprobs.top_logprobs is not None
    text = found.choices[0].text
    assert "".join(logprobs.tokens) == text
    for name, value, top in list(zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, strict=True))[4:]:
        assert value <= 0
        assert top == {name: pytest.approx(value)}
    [scored] = trained.service.client.post(trained.path("/score"), json={"texts": [text]}).json()["data"]
    assert_rounded(logprobs.token_logprobs, scored["log_probabilities"], terms=TERMS, dtype=torch.float32)


def test_stops_and_biases(client: OpenAI, trained: Trained) -> None:
    whole = client.completions.create(model=trained.run["id"], **SEEDED).choices[0].text
    stopped = client.completions.create(model=trained.run["id"], stop=[whole[5:7]], **SEEDED).choices[0]
    assert (stopped.text, stopped.finish_reason) == (whole[: whole.index(whole[5:7])], "stop")
    biased = client.completions.create(model=trained.run["id"], logit_bias={"4": 100}, **SEEDED).choices[0].text
    assert len(set(biased)) == 1


def test_runs_with_checkpoints_are_the_models(client: OpenAI, trained: Trained) -> None:
    assert trained.run["id"] in {model.id for model in client.models.list()}
    for name in (trained.run["id"], f"{trained.run['id']}@1"):
        found = client.models.retrieve(name)
        assert (found.id, found.owned_by, found.object) == (name, "gatelab", "model")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 201}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"n": 0}, "n"),
        ({"n": 128, "prompt": ["a"] * 3}, "prompt"),  # more than may be written at once
        ({"n": 128, "prompt": ["a"] * 100, "max_tokens": 0}, "prompt"),
        ({"prompt": [10_000]}, "prompt"),
        ({"prompt": [2**70]}, "prompt"),
        ({"prompt": "a" * 501}, "prompt"),
        ({"logit_bias": {"10000": 1}}, "logit_bias.10000"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"extra_body": {"no_such": 1}}, "no_such"),
    ],
)
def test_bad_requests_name_the_parameter(change: dict[str, Any], param: str, client: OpenAI, trained: Trained) -> None:
    request: dict[str, Any] = {"prompt": "the ", "max_tokens": 5} | change
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=trained.run["id"], **request)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    client.completions.create(model=trained.run["id"], prompt="a", max_tokens=1)


@pytest.mark.parametrize("name", ["nobody", "nobody@latest", "{run}@9999", "{run}@first"])
def test_unknown_models_are_not_found(name: str, client: OpenAI, trained: Trained) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model=name.format(run=trained.run["id"]), prompt="a")
    assert caught.value.code == "model_not_found"


def test_what_is_no_json_is_refused_in_the_same_shape(client: OpenAI) -> None:
    answer = client._client.post("/completions", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
