"""Every interface reads a text for a model in the same way: it drops the byte-order marks at its beginning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec, parse
from tests.client.trained import Trained
from tests.export.checkpoints import PLAIN, checkpoint_of
from tests.export.test_export import written
from tests.randomized import CELLS

TEXT = "the time "
"""It contains no byte-order mark, a character that the run does not know."""
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 8}

Door = Callable[[Trained, str, str], Any]
"""The answer when a text is sent to a run of an installation."""


def posted(path: str, **body: Any) -> Door:
    """The interface of a route. `...` in its body stands for the text."""

    def door(place: Trained, run: str, text: str) -> Any:
        filled = {name: _with(value, text) for name, value in body.items()}
        if "completions" in path:
            filled["model"] = run
        answer = place.service.client.post(path.format(run), json=filled)
        assert answer.is_success, answer.text
        if body.get("stream"):
            return answer.text
        return {name: value for name, value in answer.json().items() if name not in ("id", "created", "state")}

    return door


def _with(value: Any, text: str) -> Any:
    if value is ...:
        return text
    return [_with(each, text) for each in value] if isinstance(value, list) else value


def going_on(place: Trained, run: str, text: str) -> Any:
    state = place.raw_post(f"/v1/runs/{run}/generate", {"prompt": "he ", **GREEDY, "state": True})["state"]
    return posted("/v1/runs/{}/generate", prompt=..., state=state, **GREEDY)(place, run, text)


def command(*arguments: str) -> Door:
    def door(place: Trained, run: str, text: str) -> str:
        result = place.command(arguments[0], run, text, *arguments[1:])
        assert result.exit_code == 0, result.stderr
        return result.output

    return door


def called(ask: Callable[[Gatelab, str, str], Any]) -> Door:
    def door(place: Trained, run: str, text: str) -> Any:
        with Gatelab(place.url) as gatelab:
            return ask(gatelab, run, text)

    return door


def streamed(gatelab: Gatelab, run: str, text: str) -> Any:
    pieces, stream = [], gatelab.stream(run, text, **GREEDY)
    try:
        while True:
            pieces.append(next(stream))
    except StopIteration as end:
        return pieces, end.value


def sample(place: Trained, run: str, text: str) -> Any:
    return parse(JobSpec, {"corpus": "x", "training": {"sample": {"prefix": text}}}).model_dump()


WRITE = ("--temperature", "0", "--max-tokens", "8")
ROUTES: dict[str, Door] = {
    "generate": posted("/v1/runs/{}/generate", prompt=..., **GREEDY),
    "generate, streamed": posted("/v1/runs/{}/generate", prompt=..., stream=True, **GREEDY),
    "generate from a state": going_on,
    "score": posted("/v1/runs/{}/score", texts=[TEXT, ...]),
    "gates": posted("/v1/runs/{}/gates", text=...),
    "completions": posted("/v1/completions", prompt=..., echo=True, logprobs=2, **GREEDY),
    "completions of several": posted("/v1/completions", prompt=[TEXT, ...], echo=True, logprobs=2, **GREEDY),
    "completions of a run": posted("/v1/runs/{0}/openai/v1/completions", prompt=..., echo=True, **GREEDY),
    "tokenize": posted("/v1/runs/{}/openai/tokenize", prompt=...),
    "sample of a spec": sample,
}
CLIENT: dict[str, Door] = {
    "client.generate": called(lambda gatelab, run, text: gatelab.generate(run, text, **GREEDY)),
    "client.stream": called(streamed),
    "client.score": called(lambda gatelab, run, text: gatelab.score(run, text)),
    "client.logprobs": called(lambda gatelab, run, text: gatelab.logprobs(run, text, top=2)),
    "client.gates": called(lambda gatelab, run, text: gatelab.gates(run, text)),
    "client.gate_arrays": called(lambda gatelab, run, text: gatelab.gate_arrays(run, text)),
    "gatelab generate": command("generate", *WRITE),
    "gatelab generate --stream": command("generate", "--stream", *WRITE),
    "gatelab generate --json": command("generate", "--json", *WRITE),
    "gatelab gates": command("gates"),
}
DOORS = ROUTES | CLIENT


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff"], ids=["one", "two"])
def test_a_mark_at_the_beginning_is_no_part_of_the_text(marks: str, door: Door, trained: Trained) -> None:
    run = trained.run("done")["id"]
    assert door(trained, run, marks + TEXT) == door(trained, run, TEXT)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_mark_further_on_is_part_of_the_text(door: Door, trained: Trained) -> None:
    run = trained.run("done")["id"]
    assert door(trained, run, TEXT + "\ufeff") != door(trained, run, TEXT)


def test_the_exported_program_drops_the_mark(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(CELLS[0], PLAIN, 5)
    assert written(tmp_path, checkpoint, "\ufeffabc", 20) == written(tmp_path, checkpoint, "abc", 20)
    assert written(tmp_path, checkpoint, "\ufeff", 20) == written(tmp_path, checkpoint, "", 20)


FIELDS = {
    ("GenerateRequest", "prompt"),
    ("GatesRequest", "text"),
    ("ScoreRequest", "texts"),
    ("CompletionRequest", "prompt"),
    ("TokenizeRequest", "prompt"),
    ("SampleSpec", "prefix"),
}
"""The places in the code to which the interfaces above pass their text."""


def test_no_other_field_takes_a_text_for_a_model(trained: Trained) -> None:
    schemas = trained.raw("/openapi.json")["components"]["schemas"]
    found = {
        (name, field)
        for name, schema in schemas.items()
        if schema.get("additionalProperties") is False
        for field in schema.get("properties", {})
        if field in ("prompt", "prompts", "text", "texts", "prefix", "content")
    }
    # A corpus has its own rule, which drops the marks as well: test_corpus_doors.py.
    assert {each for each in found if "Corpus" not in each[0]} == FIELDS
