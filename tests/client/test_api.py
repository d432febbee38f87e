from collections.abc import Iterator

import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from client.api import Gatelab
from client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from gatelab.errors import InvalidRequest, Problem
from gatelab.specs import JobSpec
from tests.client import fake as wire
from tests.client.fake import FakeService, problem, serving
from tests.processes import free_port


def test_corpora_are_added_listed_and_deleted(gatelab: Gatelab, fake: FakeService) -> None:
    fake.corpora = [{"id": f"c-{n}", "name": f"n{n}", "sha256": "ab", "characters": n} for n in range(5)]

    assert gatelab.add_corpus("book", "text\r\n").characters == 5
    assert [corpus.id for corpus in gatelab.corpora()] == ["c-0", "c-1", "c-2", "c-3", "c-4"]
    gatelab.delete_corpus("a b/c?")

    assert fake.asked[0] == ("POST", "/v1/corpora", {"name": "book", "text": "text\r\n"})
    assert fake.asked[-1] == ("DELETE", "/v1/corpora/a b/c?", None)


def test_a_job_is_submitted_as_it_was_written(gatelab: Gatelab, fake: FakeService) -> None:
    written = {"corpus": "book", "training": {"epochs": 3}}

    assert gatelab.submit(JobSpec.model_validate(written)).id == "job-1"
    assert gatelab.submit(written).runs.total == 1

    assert [body for _, _, body in fake.asked] == [written, written]


def test_a_job_is_steered(gatelab: Gatelab, fake: FakeService) -> None:
    for act in (gatelab.cancel, gatelab.pause, gatelab.resume):
        assert act("job-1").state == "succeeded"
    gatelab.delete_job("job-1")

    ways = [f"{method} {path.removeprefix('/v1/jobs/job-1')}" for method, path, _ in fake.asked]
    assert ways == ["POST /cancel", "POST /pause", "POST /resume", "DELETE "]


def test_lists_go_over_all_pages(gatelab: Gatelab, fake: FakeService) -> None:
    fake.runs = [wire.run(f"run-{n}") for n in range(5)]
    fake.jobs = [wire.job(f"job-{n}") for n in range(3)]

    assert [run.id for run in gatelab.runs("job-1")] == [f"run-{n}" for n in range(5)]
    assert [job.id for job in gatelab.jobs()] == ["job-0", "job-1", "job-2"]


def test_a_run_is_read_with_all_its_parts(gatelab: Gatelab) -> None:
    run = gatelab.run("run-1")
    assert (run.metrics.validation_perplexity, run.metrics.tokens_per_second) == (5.25, 123_456.0)
    assert (run.sample, run.error, run.device) == ("it has [bold]", None, "cpu")
    assert [(point.step, point.train_loss, point.validation_loss) for point in gatelab.metrics("run-1")] == [
        (50, 1.5, None)
    ]
    assert [sample.text for sample in gatelab.samples("run-1")] == ["has"]
    assert [checkpoint.size for checkpoint in gatelab.checkpoints("run-1")] == [3]
    assert gatelab.download_checkpoint("run-1", 50) == b"\x00\x01\x02"


def test_text_is_generated(gatelab: Gatelab, fake: FakeService) -> None:
    generation = gatelab.generate("run-1", "it", temperature=0.0, stop=["."])

    assert (generation.text, generation.tokens, generation.unknown_characters) == (" has", 3, 1)
    assert fake.asked[-1][2] == {"prompt": "it", "temperature": 0.0, "stop": ["."]}


def test_text_is_streamed_and_ends_with_the_whole(gatelab: Gatelab) -> None:
    def whole() -> Iterator[str]:
        generation = yield from gatelab.stream("run-1", "it", seed=1)
        yield f"{generation.text} {generation.finish_reason}"

    assert list(whole()) == [" h", "as", " has length"]


def test_an_error_inside_a_stream_is_raised(gatelab: Gatelab, fake: FakeService) -> None:
    fault = {"type": "urn:gatelab:unavailable", "title": "Unavailable", "status": 503, "detail": "no database"}
    fake.pieces = [(None, {"text": "a"}), ("error", fault)]

    pieces = gatelab.stream("run-1")
    assert next(pieces) == "a"
    with pytest.raises(ApiError, match="no database") as caught:
        next(pieces)
    assert caught.value.status == 503


def test_a_stream_without_its_end_is_an_error(gatelab: Gatelab, fake: FakeService) -> None:
    fake.pieces = [(None, {"text": "a"})]
    with pytest.raises(ConnectionFailed, match="before the end"):
        list(gatelab.stream("run-1"))


def test_a_refused_stream_is_an_api_error(gatelab: Gatelab, fake: FakeService) -> None:
    fake.refusals = [problem(409, "no-checkpoint", "No checkpoint yet", "run-1 has none")]
    with pytest.raises(ApiError, match="run-1 has none"):
        next(gatelab.stream("run-1"))


def test_a_problem_document_becomes_an_api_error(gatelab: Gatelab, fake: FakeService) -> None:
    faults = (("training.epochs", "must be positive"), ("model.cell", "unknown"))
    fake.refusals = [problem(422, "invalid-spec", "Invalid spec", "two faults", faults)]

    with pytest.raises(ApiError) as caught:
        gatelab.submit({})

    error = caught.value
    assert (error.status, error.type, error.title) == (422, "urn:gatelab:invalid-spec", "Invalid spec")
    assert error.problems == (Problem("training.epochs", "must be positive"), Problem("model.cell", "unknown"))
    assert str(error) == "two faults"


@pytest.mark.parametrize(
    "answer", [HTMLResponse("<h1>Bad gateway</h1>", 502), JSONResponse([1], 502), JSONResponse({"problems": 3}, 502)]
)
def test_an_error_without_a_problem_document_has_its_status(
    gatelab: Gatelab, fake: FakeService, answer: Response
) -> None:
    fake.refusals = [answer]
    with pytest.raises(ApiError, match="HTTP status 502"):
        gatelab.job("job-1")


@pytest.mark.parametrize("answer", [HTMLResponse("<h1>Hello</h1>"), JSONResponse({"id": 3}), RedirectResponse("/x")])
def test_another_kind_of_server_is_recognised(gatelab: Gatelab, fake: FakeService, answer: Response) -> None:
    fake.refusals = [answer]
    with pytest.raises(UnexpectedAnswer, match="does not answer as Gatelab does"):
        gatelab.job("job-1")


def test_nothing_at_the_address_is_said_with_what_to_do() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Gatelab(url) as gatelab, pytest.raises(ConnectionFailed, match=rf"{url}.*gatelab up"):
        gatelab.job("job-1")


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://[", "http://a b"])
def test_an_address_that_is_none_is_a_failed_connection(url: str) -> None:
    with pytest.raises(ConnectionFailed, match="cannot reach"), Gatelab(url) as gatelab:
        gatelab.job("job-1")


def test_silence_is_given_up() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Gatelab(url, timeout=0.1) as gatelab, pytest.raises(ConnectionFailed, match=r"within 0\.1 s"):
            gatelab.job("job-1")


def test_a_get_survives_a_restart_of_the_service() -> None:
    fake, port = FakeService(), free_port()
    with serving(fake, port):
        gatelab = Gatelab(fake.url)
        assert gatelab.job("job-1").id == "job-1"
    with serving(fake, port), gatelab:
        # The connection that was kept is dead by now.
        assert gatelab.job("job-1").id == "job-1"


@pytest.mark.parametrize("prompt", ["\udcff"])
def test_what_json_cannot_hold_is_refused_before_it_is_sent(gatelab: Gatelab, prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        gatelab.generate("run-1", prompt)
    with pytest.raises(InvalidRequest, match="JSON"):
        gatelab.generate("run-1", temperature=float("nan"))


def test_a_proxy_is_not_asked_for_what_runs_here(fake: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with Gatelab(fake.url) as gatelab:
        assert gatelab.job("job-1").id == "job-1"
