"""Every method of the client sends its arguments to the real service, and returns the service's answer."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed
from gatelab.client.models import Corpus, Job, Run
from gatelab.errors import InvalidRequest, Unavailable
from gatelab.specs import JobSpec
from service.generation.routes import Generating
from tests.client.live import Live
from tests.client.trained import PREFIX, Trained
from tests.client.wire import from_the_future
from tests.service.installation import SPEC, TEXT
from tests.service.sse import events

# -- Corpora ----------------------------------------------------------------------------------------------------------


def test_corpora_are_added_listed_and_deleted(writer: Gatelab, fresh: Live) -> None:
    text = "tëxt\r\n"
    added = writer.add_corpus("book", text)
    assert (added.characters, added.sha256) == (6, hashlib.sha256(text.encode()).hexdigest())
    assert fresh.raw("/v1/corpora/book/text")["text"] == text
    assert writer.add_corpus("book", text) == added, "adding the same again changes nothing"

    assert [corpus.name for corpus in writer.corpora()] == ["book", "wells"]
    writer.delete_corpus("book")
    assert [corpus.name for corpus in writer.corpora()] == ["wells"]


def test_a_corpus_is_read_in_pieces(gatelab: Gatelab, trained: Trained) -> None:
    whole = gatelab.corpus_text("marked")
    assert gatelab.corpus("marked").characters == whole.characters == len(whole.text)
    piece = gatelab.corpus_text("marked", start=3, characters=5)
    assert (piece.start, piece.text) == (3, whole.text[3:8])


@pytest.mark.parametrize("name", ["a b?", "a/b", "../jobs/x", "%2e%2e", "é"])
def test_whatever_a_name_holds_is_one_segment_of_the_path(name: str, gatelab: Gatelab, trained: Trained) -> None:
    with pytest.raises(ApiError) as caught:
        gatelab.delete_corpus(name)
    assert caught.value.status == 404
    [asked] = trained.wire.asked
    assert asked.method == "DELETE"
    assert asked.target.startswith("/v1/corpora/")
    assert asked.target.count("/") == 3
    assert asked.query == []


# -- Jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_is_submitted_as_it_was_written(writer: Gatelab, fresh: Live) -> None:
    written = {"corpus": "wells", "training": {"num_steps": 16, "batch_size": 16}}
    jobs = [writer.submit(JobSpec.model_validate(written)), writer.submit(written)]
    assert [asked.body for asked in fresh.wire.asked] == [written, written]
    assert jobs == [writer.job(job.id) for job in jobs], "a submission is answered with the whole job"
    for job in jobs:
        assert (job.name, job.state, job.runs.total, job.runs.queued) == ("job", "queued", 1, 1)
        assert job.spec == from_the_future(fresh.raw(f"/v1/jobs/{job.id}")["spec"])


def test_a_job_is_steered(writer: Gatelab, fresh: Live) -> None:
    job = writer.submit(SPEC).id
    for act, state in ((writer.pause, "paused"), (writer.resume, "queued"), (writer.cancel, "cancelled")):
        assert act(job).state == fresh.raw(f"/v1/jobs/{job}")["state"] == state
    writer.delete_job(job)
    with pytest.raises(ApiError, match=f"there is no job '{job}'"):
        writer.job(job)


def test_lists_go_over_all_pages(gatelab: Gatelab, trained: Trained) -> None:
    listed: dict[str, Callable[[], Iterator[Corpus | Job | Run]]] = {
        "corpora": gatelab.corpora,
        "jobs": gatelab.jobs,
        "runs": gatelab.runs,
    }
    for noun, of_client in listed.items():
        trained.wire.reset()
        ids = [item["id"] for item in trained.raw(f"/v1/{noun}")["data"]]
        assert [item.id for item in of_client()] == ids
        assert len(trained.wire.asked) == (len(ids) + 1) // 2 > 1
    mixed = trained.jobs["mixed"]
    assert [run.id for run in gatelab.runs(mixed)] == [run["id"] for run in trained.runs("mixed")]


# -- Runs -------------------------------------------------------------------------------------------------------------


def test_a_run_is_read_with_all_its_parts(gatelab: Gatelab, trained: Trained) -> None:
    raw = trained.run("done")
    run = gatelab.run(raw["id"])
    assert (run.state, run.step, run.error, run.device) == ("succeeded", raw["total_steps"], None, "cpu")
    assert run.sample is not None
    assert run.sample.startswith(PREFIX)

    steps = [point.step for point in gatelab.metrics(run.id)]
    assert len(steps) == 3
    assert [sample.step for sample in gatelab.samples(run.id)] == steps
    assert {sample.prefix for sample in gatelab.samples(run.id)} == {PREFIX}
    assert [checkpoint.step for checkpoint in gatelab.checkpoints(run.id)] == list(range(1, run.step + 1))

    saved = trained.service.store.checkpoints.get(run.id, 2)
    assert gatelab.download_checkpoint(run.id, 2) == saved.data


def test_a_text_goes_on_from_a_state(gatelab: Gatelab, trained: Trained) -> None:
    run = trained.run("done")["id"]
    whole = gatelab.generate(run, PREFIX, max_tokens=12, seed=3, repetition_penalty=1.3)
    first = gatelab.generate(run, PREFIX, max_tokens=5, seed=3, repetition_penalty=1.3, state=True)
    assert first.state is not None
    second = gatelab.generate(run, max_tokens=7, seed=3, repetition_penalty=1.3, state=first.state)
    assert first.text + second.text == whole.text
    stop = first.text[-1] + "?"
    held = gatelab.generate(run, PREFIX, max_tokens=5, seed=3, repetition_penalty=1.3, state=True, stop=stop)
    assert (held.text, held.held) == (first.text[:-1], first.text[-1])


def test_the_curves_of_a_job_are_those_of_its_runs(gatelab: Gatelab, trained: Trained) -> None:
    curves = gatelab.curves(trained.run("mixed")["job"])
    assert [curve.index for curve in curves] == [0, 1]
    for curve in curves:
        points = list(gatelab.metrics(curve.run))
        assert curve.step == [point.step for point in points]
        assert curve.validation_loss == [point.validation_loss for point in points]
    [short, _] = gatelab.curves(trained.run("mixed")["job"], points=2)
    assert (short.epoch[0], short.epoch[-1], len(short.epoch)) == (1, 8, 3)


def test_a_model_is_exported(gatelab: Gatelab, trained: Trained) -> None:
    run = trained.run("done")["id"]
    saved = trained.service.store.checkpoints.get(run, 2)
    exported, kept = load(gatelab.export(run, checkpoint=2)), load(saved.data)
    assert exported.keys() == {name.removeprefix("weights.") for name in kept if name.startswith("weights.")}
    for name, weights in exported.items():
        np.testing.assert_array_equal(weights, kept[f"weights.{name}"])
    compile(gatelab.export(run, "numpy"), "generate.py", "exec")


def test_a_run_that_diverged_says_so(gatelab: Gatelab, trained: Trained) -> None:
    raw = trained.run("mixed", 1)
    error = gatelab.run(raw["id"]).error
    assert error is not None
    assert (error.type, error.message) == ("diverged", raw["error"]["message"])


# -- Generation -------------------------------------------------------------------------------------------------------


def test_a_mixed_state_lies_between_two(gatelab: Gatelab, trained: Trained) -> None:
    run = trained.run("done")["id"]

    def state(prompt: str) -> str:
        found = gatelab.generate(run, prompt, max_tokens=1, state=True).state
        assert found is not None
        return found

    first, second = state("the "), state("a ")

    def text_from(begun: str) -> str:
        return gatelab.generate(run, max_tokens=20, temperature=0.0, state=begun).text

    assert text_from(gatelab.mix(run, first, second, 0.0)) == text_from(first)
    with pytest.raises(ApiError, match="share"):
        gatelab.mix(run, first, second, 1.5)


def generated(trained: Trained, **body: Any) -> Any:
    """The service's own answer."""
    return trained.raw_post(f"/v1/runs/{trained.run('done')['id']}/generate", body)


def test_text_is_generated(gatelab: Gatelab, trained: Trained) -> None:
    body: dict[str, Any] = {"prompt": "the é", "temperature": 0.0, "stop": ["zz"], "max_tokens": 9}
    whole = generated(trained, **body)
    found = gatelab.generate(trained.run("done")["id"], "the é", temperature=0.0, stop=["zz"], max_tokens=9)
    assert trained.wire.asked[-1].body == body
    assert (found.text, found.tokens, found.checkpoint) == (whole["text"], 9, whole["checkpoint"])
    assert (found.finish_reason, found.unknown_characters) == ("length", 1)


def test_text_is_streamed_and_ends_with_the_whole(gatelab: Gatelab, trained: Trained) -> None:
    whole = generated(trained, prompt="the ", seed=1, max_tokens=50)
    pieces: list[str] = []

    def streamed() -> Iterator[str]:
        generation = yield from gatelab.stream(trained.run("done")["id"], "the ", seed=1, max_tokens=50)
        assert generation.text == "".join(pieces) == whole["text"]
        assert (generation.tokens, generation.finish_reason) == (whole["tokens"], whole["finish_reason"])

    for piece in streamed():
        pieces.append(piece)
    assert pieces


def test_an_error_inside_a_stream_is_raised(
    gatelab: Gatelab, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("no database")

    monkeypatch.setattr(Generating, "answer", fail)
    pieces = gatelab.stream(trained.run("done")["id"], max_tokens=5)
    assert next(pieces)
    with pytest.raises(ApiError, match="no database") as caught:
        list(pieces)
    assert (caught.value.status, caught.value.type) == (503, "urn:gatelab:unavailable")


def test_a_stream_without_its_end_is_an_error(gatelab: Gatelab, trained: Trained) -> None:
    trained.wire.change = lambda part: b"" if events(part.decode()) and b"event: done" in part else part
    with pytest.raises(ConnectionFailed, match="before the end"):
        list(gatelab.stream(trained.run("done")["id"], max_tokens=5))


def test_a_refused_stream_is_an_api_error(gatelab: Gatelab, trained: Trained) -> None:
    with pytest.raises(ApiError, match="checkpoint") as caught:
        next(gatelab.stream(trained.run("waiting")["id"]))
    assert (caught.value.status, caught.value.type) == (409, "urn:gatelab:no-checkpoint")


def test_what_json_cannot_hold_is_refused_before_it_is_sent(gatelab: Gatelab, trained: Trained) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        gatelab.generate("run", "\udcff")
    with pytest.raises(InvalidRequest, match="JSON"):
        gatelab.generate("run", temperature=float("nan"))
    assert trained.wire.asked == []


def test_a_text_is_scored(gatelab: Gatelab, trained: Trained) -> None:
    run = trained.run("done")["id"]
    raw = trained.raw_post(f"/v1/runs/{run}/score", {"texts": [TEXT[:20], "é"]})["data"]
    scores = gatelab.score(run, TEXT[:20], "é")
    assert [(score.loss, score.characters) for score in scores] == [(s["loss"], s["characters"]) for s in raw]
    assert [score.unknown_characters for score in scores] == [0, 1]


def test_each_token_of_a_text_has_its_probability(gatelab: Gatelab, trained: Trained) -> None:
    run, text = trained.run("done"), TEXT[:20]
    found = gatelab.logprobs(run["id"], text, top=2)
    [score] = gatelab.score(run["id"], text, checkpoint="auto")
    assert score.log_probabilities is not None
    assert found.token_logprobs == pytest.approx(score.log_probabilities)
    assert "".join(found.tokens) == text
    assert found.top_logprobs is not None
    assert all(top is not None and len(top) in (2, 3) for top in found.top_logprobs)
    step = run["step"]
    assert gatelab.logprobs(run["id"], text, checkpoint=step).top_logprobs is None
    assert f"{run['id']}@{step}" == trained.wire.asked[-1].body["model"]
