import threading

import pytest
from starlette.responses import HTMLResponse, PlainTextResponse

from client.api import Gatelab
from client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from tests.client import fake as wire
from tests.client.fake import FakeService, event, problem, serving
from tests.processes import free_port

EVENTS = [
    event(1, "job_created"),
    event(2, "run_started", run="run-1"),
    event(5, "progress", run="run-1", step=10),
    event(6, "run_succeeded", run="run-1"),
    event(9, "job_finished"),
]
NUMBERS = [1, 2, 5, 6, 9]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.events.RECONNECT_SECONDS", 0.01)


def test_events_are_read_to_the_end_of_the_job(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS
    events = list(gatelab.events("job-1"))
    assert [found.id for found in events] == NUMBERS
    assert (events[2].type, events[2].run, events[2].data["step"]) == ("progress", "run-1", 10)


def test_events_start_after_a_number(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS
    assert [found.id for found in gatelab.events("job-1", after=5)] == [6, 9]


@pytest.mark.parametrize("cuts", [[1], [5], [2, 6], [1, 2, 5, 6]])
def test_a_cut_connection_goes_on_without_gap_or_repetition(
    gatelab: Gatelab, fake: FakeService, cuts: list[int]
) -> None:
    fake.events, fake.cut_after = EVENTS, list(cuts)
    assert [found.id for found in gatelab.events("job-1")] == NUMBERS
    assert fake.last_event_ids == ["0", *map(str, cuts)]


def test_a_stream_that_ends_early_is_opened_again(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS[:2]
    events = gatelab.events("job-1")
    assert [next(events).id, next(events).id] == [1, 2]
    fake.events = EVENTS
    assert [found.id for found in events] == [5, 6, 9]


def test_a_finished_job_without_news_is_at_its_end(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS
    assert list(gatelab.events("job-1", after=9)) == []


def test_a_restart_of_the_service_is_waited_out() -> None:
    port, fake = free_port(), FakeService(events=EVENTS[:2])
    with serving(fake, port):
        gatelab = Gatelab(fake.url)
        events = gatelab.events("job-1")
        assert [next(events).id, next(events).id] == [1, 2]
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(item.id for item in events))
    reader.start()
    fake.events = EVENTS
    fake.refusals = [PlainTextResponse("starting", 503)]
    with serving(fake, port), gatelab:
        reader.join()
    assert found == [5, 6, 9]


def test_patience_ends() -> None:
    with Gatelab(f"http://127.0.0.1:{free_port()}") as gatelab, pytest.raises(ConnectionFailed):
        next(gatelab.events("job-1", patience=0.05))


def test_an_unknown_job_is_an_error(gatelab: Gatelab) -> None:
    with pytest.raises(ApiError, match="there is no 'other'"):
        next(gatelab.events("other"))


def test_a_refusal_while_reconnecting_is_an_error(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS[:1]
    events = gatelab.events("job-1")
    next(events)
    fake.refusals = [problem(404, "not-found", "Not found", "the job was deleted")]
    with pytest.raises(ApiError, match="deleted"):
        next(events)


BAD_EVENTS = [
    "event: progress\ndata: {}\n\n",
    "id: x\nevent: progress\ndata: {}\n\n",
    "id: 1\nevent: progress\ndata: nonsense\n\n",
    "id: 1\nevent: progress\ndata: []\n\n",
]


@pytest.mark.parametrize("text", BAD_EVENTS)
def test_events_of_another_form_are_refused(gatelab: Gatelab, fake: FakeService, text: str) -> None:
    fake.refusals = [PlainTextResponse(text, media_type="text/event-stream")]
    with pytest.raises(UnexpectedAnswer):
        next(gatelab.events("job-1"))


def test_an_answer_that_is_no_stream_is_refused(gatelab: Gatelab, fake: FakeService) -> None:
    fake.refusals = [HTMLResponse("<h1>Hello</h1>")]
    with pytest.raises(UnexpectedAnswer, match="does not answer as Gatelab does"):
        next(gatelab.events("job-1"))


def test_waiting_gives_the_job_as_it_ended(gatelab: Gatelab, fake: FakeService) -> None:
    fake.events = EVENTS
    fake.jobs = [wire.job(state="failed")]
    assert gatelab.wait("job-1").state == "failed"
