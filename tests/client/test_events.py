"""A job's events arrive in order, each exactly once, whatever happens to the connections."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp

from gatelab.client.api import Gatelab
from gatelab.client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from gatelab.client.models import Event
from service.app import create_app
from service.streams import KEEP_ALIVE
from tests.client.live import Live, serving
from tests.client.trained import Trained
from tests.client.wire import Cut, Wire, from_the_future, instead
from tests.processes import free_port
from tests.service.installation import SPEC
from tests.service.sse import events


def all_events(live: Live, job: str) -> list[dict[str, Any]]:
    """All events of a job, directly from the service."""
    answer = live.service.client.get(f"/v1/jobs/{job}/events")
    return [{"id": int(event.id or 0), "type": event.name, "data": event.data} for event in events(answer.text)]


def numbers(live: Live, job: str) -> list[int]:
    return [event["id"] for event in all_events(live, job)]


# -- A whole stream ---------------------------------------------------------------------------------------------------


def test_events_are_read_to_the_end_of_the_job(gatelab: Gatelab, trained: Trained) -> None:
    job = trained.jobs["mixed"]
    expected = [
        Event(**{**event, "run": event["data"]["run"], "data": from_the_future(event["data"])})
        for event in all_events(trained, job)
    ]
    assert list(gatelab.events(job)) == expected
    assert {event.type for event in expected} > {"job_created", "progress", "evaluation", "run_failed", "job_finished"}


def test_events_start_after_a_number(gatelab: Gatelab, trained: Trained) -> None:
    job = trained.jobs["done"]
    assert [event.id for event in gatelab.events(job, after=5)] == numbers(trained, job)[5:]


def test_a_finished_job_without_news_is_at_its_end(gatelab: Gatelab, trained: Trained) -> None:
    job = trained.jobs["done"]
    assert list(gatelab.events(job, after=len(numbers(trained, job)))) == []


def test_comments_that_keep_a_connection_alive_are_no_events(gatelab: Gatelab, trained: Trained) -> None:
    job = trained.jobs["done"]
    trained.wire.change = lambda part: KEEP_ALIVE + part
    assert [event.id for event in gatelab.events(job)] == numbers(trained, job)


def test_a_job_is_followed_while_it_goes_on(writer: Gatelab, fresh: Live) -> None:
    job = fresh.service.submit(SPEC | {"repeats": 2})["id"]
    events = writer.events(job)
    first = next(events)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, events)
        fresh.service.work()
        found = [first, *rest.result(60)]
    assert [event.id for event in found] == numbers(fresh, job)
    assert len(fresh.wire.asked) == 1, "the stream was never lost"


def test_waiting_gives_the_job_as_it_ended(gatelab: Gatelab, trained: Trained) -> None:
    job = gatelab.wait(trained.jobs["mixed"])
    assert (job.state, job.finished) == ("failed", True)


# -- Streams that break -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [[1], [5], [2, 6], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("how", [{}, {"inside": True}, {"cleanly": True}, {"inside": True, "cleanly": True}])
def test_a_cut_stream_goes_on_without_gap_or_repetition(
    gatelab: Gatelab, trained: Trained, cuts: list[int], how: dict[str, bool]
) -> None:
    job = trained.jobs["done"]
    trained.wire.faults = [Cut(number, **how) for number in cuts]
    assert [event.id for event in gatelab.events(job)] == numbers(trained, job)
    assert [asked.headers["last-event-id"] for asked in trained.wire.asked] == ["0", *map(str, cuts)]


NOTHING = instead(PlainTextResponse("", media_type="text/event-stream"))


def test_an_empty_stream_of_a_job_that_goes_on_is_opened_again(writer: Gatelab, fresh: Live) -> None:
    job, third = fresh.service.submit()["id"], threading.Event()

    def note(service: ASGIApp) -> ASGIApp:
        third.set()
        return service

    # The request in between asks whether the job has ended.
    fresh.wire.faults = [Cut(1, cleanly=True), NOTHING, lambda service: service, note]
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(list, writer.events(job))
        assert third.wait(60)
        fresh.service.work()
        assert [event.id for event in found.result(60)] == numbers(fresh, job)


def test_an_empty_stream_does_not_hide_the_events_of_a_job_that_has_ended(gatelab: Gatelab, trained: Trained) -> None:
    job = trained.jobs["done"]
    trained.wire.faults = [NOTHING]
    assert [event.id for event in gatelab.events(job)] == numbers(trained, job)


def test_a_restart_of_the_service_is_waited_out(fresh: Live) -> None:
    job, port = fresh.service.submit()["id"], free_port()
    with serving(create_app(fresh.service.settings), port) as url:
        gatelab = Gatelab(url)
        events = gatelab.events(job)
        found = [next(events).id]
    reader = threading.Thread(target=lambda: found.extend(event.id for event in events))
    reader.start()
    fresh.service.work()
    wire = Wire(create_app(fresh.service.settings))
    wire.faults = [instead(PlainTextResponse("starting", 503))]
    with serving(wire, port), gatelab:
        reader.join(60)
    assert not reader.is_alive()
    assert found == numbers(fresh, job)
    assert wire.faults == []


def test_patience_ends() -> None:
    with Gatelab(f"http://127.0.0.1:{free_port()}") as gatelab, pytest.raises(ConnectionFailed):
        next(gatelab.events("job-1", patience=0.05))


# -- Refusals ---------------------------------------------------------------------------------------------------------


def test_an_unknown_job_is_an_error(gatelab: Gatelab) -> None:
    with pytest.raises(ApiError, match="there is no job 'other'"):
        next(gatelab.events("other"))


def test_a_refusal_while_reconnecting_is_an_error(writer: Gatelab, fresh: Live) -> None:
    job = fresh.service.submit()["id"]
    events = writer.events(job)
    assert next(events).type == "job_created"
    assert fresh.service.client.delete(f"/v1/jobs/{job}").status_code == 204
    with pytest.raises(ApiError, match=f"there is no job '{job}'"):
        next(events)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(rb"id: 1\n", b""), (rb"id: 1\n", b"id: x\n"), (rb"data: .*", b"data: nonsense"), (rb"data: .*", b"data: []")],
)
def test_events_of_another_form_are_refused(gatelab: Gatelab, trained: Trained, right: bytes, wrong: bytes) -> None:
    trained.wire.change = lambda part: re.sub(right, wrong, part)
    with pytest.raises(UnexpectedAnswer):
        next(gatelab.events(trained.jobs["done"]))


def test_an_answer_that_is_no_stream_is_refused(gatelab: Gatelab, trained: Trained) -> None:
    trained.wire.faults = [instead(HTMLResponse("<h1>Hello</h1>"))]
    with pytest.raises(UnexpectedAnswer, match="does not answer like Gatelab"):
        next(gatelab.events(trained.jobs["done"]))
