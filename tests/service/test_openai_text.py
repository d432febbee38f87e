"""The text of a completion and the offsets of its tokens refer to the text as it was sent, whatever the model reads."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gatelab.text.tokenizers import SPECIALS
from tests.service.installation import Installation, installation, spec
from tests.service.sse import events

UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
EURO, HALF_A_EURO = [byte + SPECIALS for byte in "€".encode()], [byte + SPECIALS for byte in "€".encode()[:2]]
MODELS = {
    "byte": ("the € machine, é, 日, 🙂. " * 20, {"kind": "byte"}),
    "char": (f"the {UNKNOWN_CHARACTER} machine. " * 20, {"kind": "char"}),
    "letters": ("The time machine: " * 20, {"kind": "char", "normalize": "letters"}),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with a trained run for each of MODELS."""
    with installation(tmp_path_factory.mktemp("texts")) as made:
        for name, (text, tokenizer) in MODELS.items():
            assert made.client.post("/v1/corpora", json={"name": name, "text": text}).status_code == 201
            made.submit(spec(epochs=1) | {"name": name, "corpus": name, "tokenizer": tokenizer})
        made.work()
        yield made


@pytest.fixture(scope="module")
def runs(service: Installation) -> dict[str, str]:
    """The run of each model."""
    jobs = service.get("/v1/jobs")["data"]
    return {job["name"]: service.runs(job["id"])[0]["id"] for job in jobs}


def complete(service: Installation, model: str, **body: Any) -> Any:
    answer = service.client.post("/v1/completions", json={"model": model, "temperature": 0, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def choice(service: Installation, model: str, **body: Any) -> Any:
    [found] = complete(service, model, **body)["choices"]
    return found


def streamed(service: Installation, model: str, **body: Any) -> list[Any]:
    """The choices of the events."""
    body = {"model": model, "temperature": 0, "stream": True, **body}
    text = service.client.post("/v1/completions", json=body).text
    return [json.loads(e)["choices"][0] for e in (line[6:] for line in text.split("\n") if line) if e != "[DONE]"]


def together(choices: list[Any]) -> tuple[str, list[str], list[int]]:
    """The text, the tokens and the offsets of a choice in many events."""
    told = [each["logprobs"] for each in choices if each["logprobs"]]
    return (
        "".join(each["text"] for each in choices),
        [token for each in told for token in each["tokens"]],
        [offset for each in told for offset in each["text_offset"]],
    )


# -- Where tokens stand -------------------------------------------------------------------------------------------


def test_the_bytes_of_a_character_begin_where_it_does(service: Installation, runs: dict[str, str]) -> None:
    found = choice(service, runs["byte"], prompt="€a🙂", max_tokens=0, echo=True, logprobs=0)
    assert found["text"] == "€a🙂"
    assert found["logprobs"]["text_offset"] == [0, 0, 0, 1, 2, 2, 2, 2]
    assert found["logprobs"]["tokens"][:4] == ["bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "a"]


@pytest.mark.parametrize("echo", [False, True])
def test_what_is_written_stands_behind_the_prompt(echo: bool, service: Installation, runs: dict[str, str]) -> None:
    bias = {str(token): 100.0 for token in EURO}
    body: dict[str, Any] = {"prompt": "é", "max_tokens": 60, "logit_bias": bias, "logprobs": 0, "seed": 5}
    found = choice(service, runs["byte"], echo=echo, **body | {"temperature": 1})
    begin, tokens = (2, 1) if echo else (0, 0)
    assert found["logprobs"]["text_offset"][:begin] == [0] * begin
    offsets, names = found["logprobs"]["text_offset"][begin:], found["logprobs"]["tokens"][begin:]
    # Each byte that does not continue a character begins one, or the replacement of an invalid byte.
    data = b"".join(bytes([int(name[-2:], 16)]) for name in names)
    text = ("é" if echo else "") + data.decode(errors="replace")
    assert text.startswith(found["text"])
    for at in range(len(data)):
        before = len(data[: at + 1].decode(errors="replace"))
        assert offsets[at] == tokens + before - 1, (data[: at + 1], offsets[at])


def test_ids_that_end_within_a_character_are_gone_on_with(service: Installation, runs: dict[str, str]) -> None:
    body = {"prompt": HALF_A_EURO, "max_tokens": 1, "logit_bias": {str(EURO[-1]): 100}, "logprobs": 0}
    found = choice(service, runs["byte"], **body)
    assert (found["text"], found["logprobs"]["text_offset"]) == ("€", [0])
    echoed = choice(service, runs["byte"], echo=True, **body)
    assert (echoed["text"], echoed["logprobs"]["text_offset"]) == ("€", [0, 0, 0])
    assert together(streamed(service, runs["byte"], **body)) == ("€", ["bytes:\\xac"], [0])


def test_a_token_is_what_the_corpus_has(service: Installation, runs: dict[str, str]) -> None:
    body = {"prompt": UNKNOWN_CHARACTER, "max_tokens": 0, "echo": True, "logprobs": 1}
    assert choice(service, runs["char"], **body)["logprobs"]["tokens"] == [UNKNOWN_CHARACTER]
    lost = choice(service, runs["byte"], **body)
    assert lost["text"] == UNKNOWN_CHARACTER
    assert lost["logprobs"]["tokens"] == ["bytes:\\xef", "bytes:\\xbf", "bytes:\\xbd"]


# -- Where a text ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3])
def test_no_token_stands_behind_the_end_of_a_text(length: int, service: Installation, runs: dict[str, str]) -> None:
    body: dict[str, Any] = {"prompt": "the ", "max_tokens": 30, "logprobs": 1, "temperature": 1, "seed": 3}
    text = choice(service, runs["char"], **body)["text"]
    stop = text[10 : 10 + length]
    found = choice(service, runs["char"], stop=stop, **body)
    assert (found["text"], found["finish_reason"]) == (text[: text.index(stop)], "stop")
    assert "".join(found["logprobs"]["tokens"]) == found["text"]
    assert found["logprobs"]["text_offset"] == list(range(len(found["text"])))
    for names in ("token_logprobs", "top_logprobs"):
        assert len(found["logprobs"][names]) == len(found["text"])
    assert together(streamed(service, runs["char"], stop=stop, **body)) == (
        found["text"],
        found["logprobs"]["tokens"],
        found["logprobs"]["text_offset"],
    )


def test_a_text_that_ends_at_once_has_no_tokens(service: Installation, runs: dict[str, str]) -> None:
    bias = {str(ord("a") + SPECIALS): 100}
    body = {"prompt": "", "max_tokens": 9, "logit_bias": bias, "stop": "aa", "logprobs": 2}
    found = choice(service, runs["byte"], **body)
    assert (found["text"], found["finish_reason"]) == ("", "stop")
    assert found["logprobs"] == {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}


def test_half_a_character_at_the_end_is_told_and_not_shown(service: Installation, runs: dict[str, str]) -> None:
    body = {"prompt": "a", "max_tokens": 1, "logit_bias": {str(EURO[0]): 100}, "logprobs": 0}
    found = choice(service, runs["byte"], **body)
    assert (found["text"], found["logprobs"]["tokens"], found["logprobs"]["text_offset"]) == ("", ["bytes:\\xe2"], [0])
    assert together(streamed(service, runs["byte"], **body)) == ("", ["bytes:\\xe2"], [0])


# -- What is echoed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("prompt", ["The 日 x", "İstanbul — ΟΔΟΣ\r\n\t é", "", "日本"])
@pytest.mark.parametrize("max_tokens", [0, 3])
def test_a_prompt_is_echoed_as_it_was_given(
    prompt: str, model: str, max_tokens: int, service: Installation, runs: dict[str, str]
) -> None:
    body = {"prompt": prompt, "max_tokens": max_tokens, "logprobs": 0}
    found = choice(service, runs[model], echo=True, **body)
    written = choice(service, runs[model], **body)
    assert found["text"] == prompt + written["text"]
    offsets = found["logprobs"]["text_offset"]
    assert offsets == sorted(offsets)
    behind = offsets[len(offsets) - max_tokens :]
    assert behind == [len(prompt) + at for at in (written["logprobs"] or {"text_offset": []})["text_offset"]]
    if model == "char":
        tokens = found["logprobs"]["tokens"][: len(prompt)]
        assert offsets[: len(prompt)] == list(range(len(prompt)))
        assert tokens == [each if each in MODELS["char"][0] else "<unk>" for each in prompt]


@pytest.mark.parametrize(
    ("model", "prompt", "unknown"),
    [("char", "The 日 x", 3), ("byte", "The 日 x", 0), ("letters", "The 日 m", 1), ("char", [0, 2, 0], 2)],
)
def test_unknown_characters_are_counted(
    model: str, prompt: object, unknown: int, service: Installation, runs: dict[str, str]
) -> None:
    answer = complete(service, runs[model], prompt=prompt, max_tokens=0, echo=True)
    assert answer["usage"]["unknown_characters"] == unknown


def test_letters_stand_where_they_were(service: Installation, runs: dict[str, str]) -> None:
    # The lower case of the dotted capital I has a combining dot, which is not a letter.
    found = choice(service, runs["letters"], prompt="T…-İh!", max_tokens=0, echo=True, logprobs=0)
    assert found["text"] == "T…-İh!"
    assert found["logprobs"]["tokens"] == ["t", " ", "i", " ", "h", " "]
    assert found["logprobs"]["text_offset"] == [0, 1, 3, 3, 4, 5]


def test_the_next_token_of_a_gate_lab_is_named_too(service: Installation, runs: dict[str, str]) -> None:
    body = {"text": "€a", "values": False}
    answer = service.client.post(f"/v1/runs/{runs['byte']}/gates", json=body).json()
    assert answer["tokens"] == ["<bos>", "", "", "€", "a"]
    names = {each["id"]: each["token"] for each in answer["next"]}
    assert [names[token] for token in (0, 1, *EURO, ord("a") + SPECIALS)] == [
        "<unk>", "<bos>", "bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "a"
    ]  # fmt: skip
    assert len(set(names.values())) == len(names)


# -- A text in parts ----------------------------------------------------------------------------------------------


def generate(service: Installation, run: str, **body: Any) -> Any:
    answer = service.client.post(f"/v1/runs/{run}/generate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["byte", "char"])
@pytest.mark.parametrize("step", [1, 7, 20])
def test_a_text_in_parts_is_the_text(
    step: int, model: str, stream: bool, service: Installation, runs: dict[str, str]
) -> None:
    run = runs[model]
    bias = {str(token): 4.0 for token in EURO} if model == "byte" else {}
    how = {"seed": 11, "repetition_penalty": 1.3, "logit_bias": bias, "temperature": 1.5}
    text = generate(service, run, prompt="the €", max_tokens=40, **how)["text"]
    for stop in ("?", text[20:22]):
        whole = generate(service, run, prompt="the €", max_tokens=40, stop=stop, **how)
        parts, state = [], True
        for at in range(0, 40, step):
            given = {} if at else {"prompt": "the €"}
            body = {"state": state, "max_tokens": min(step, 40 - at), "stop": stop, **how, **given}
            if stream:
                told = events(service.client.post(f"/v1/runs/{run}/generate", json=body | {"stream": True}).text)
                parts.append({**told[-1].data, "text": "".join(each.data["text"] for each in told[:-1])})
            else:
                parts.append(generate(service, run, **body))
            if parts[-1]["finish_reason"] == "stop":
                break
            state = parts[-1]["state"]
        assert "".join(part["text"] for part in parts) + parts[-1]["held"] == whole["text"]
        assert parts[-1]["finish_reason"] == whole["finish_reason"]
        assert sum(part["tokens"] for part in parts) == whole["tokens"]
        assert whole["held"] == ""
