"""GET /v1/jobs/{id}/events: the events of a job, as server-sent events."""

import itertools
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from service.app import create_app
from service.jobs import event_poller
from service.jobs import event_routes as streams
from service.streams import Stopping
from tests.service.conftest import Trained
from tests.service.installation import SPEC, Installation, problem
from tests.service.live import serving
from tests.service.sse import ServerSent, events, parse
from tests.waiting import PATIENCE


def read(service: Installation, job: str, query: str = "", **headers: str) -> list[ServerSent]:
    """The whole stream, which ends by itself."""
    answer = service.client.get(f"/v1/jobs/{job}/events{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


@pytest.fixture(scope="module")
def whole(trained: Trained) -> list[ServerSent]:
    return read(trained.service, trained.job)


def test_a_finished_job_s_stream_tells_everything_in_order_and_ends(trained: Trained, whole: list[ServerSent]) -> None:
    assert [event.id for event in whole] == [str(number) for number in range(1, len(whole) + 1)]
    names = [event.name for event in whole]
    assert names[:2] == ["job_created", "run_started"]
    assert names[-2:] == ["run_succeeded", "job_finished"]
    assert [names.count(name) for name in ("run_started", "evaluation", "sample")] == [1, 3, 3]
    steps = [event.data["step"] for event in whole if event.name == "progress"]
    assert steps == sorted(steps)
    assert steps[-1] == trained.run["step"]


def test_an_event_says_when_and_of_which_run(trained: Trained, whole: list[ServerSent]) -> None:
    assert whole[0].data["run"] is None
    assert {event.data["run"] for event in whole[1:-1]} == {trained.run["id"]}
    times = [event.data["created_at"] for event in whole]
    assert times == sorted(times)


def test_an_evaluation_s_event_has_its_measures(trained: Trained, whole: list[ServerSent]) -> None:
    last = [event.data for event in whole if event.name == "evaluation"][-1]
    names = ("train_perplexity", "validation_perplexity", "bits_per_character", "test_perplexity")
    assert [last[name] for name in names] == [trained.run["metrics"][name] for name in names]


@pytest.mark.parametrize("known", [0, 1, 5])
def test_a_stream_resumes_after_the_last_event_that_is_known(
    known: int, trained: Trained, whole: list[ServerSent]
) -> None:
    assert read(trained.service, trained.job, f"?after={known}") == whole[known:]
    assert read(trained.service, trained.job, **{"Last-Event-ID": str(known)}) == whole[known:]
    assert read(trained.service, trained.job, "?after=2", **{"Last-Event-ID": str(known)}) == whole[known:]


def test_who_knows_everything_of_a_finished_job_gets_an_empty_stream(trained: Trained, whole: list[Any]) -> None:
    assert read(trained.service, trained.job, f"?after={len(whole)}") == []


def test_who_knows_events_that_are_not_there_yet_gets_what_comes_and_the_end(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", 0.01)
    service.add_corpus()
    job = service.submit()["id"]
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(read, service, job, "", **{"Last-Event-ID": "100000"})
        service.work()
        assert following.result(timeout=PATIENCE)[-1].name == "job_finished"


def test_a_stream_follows_a_job_until_it_has_ended(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", 0.01)
    service.add_corpus()
    job = service.submit(SPEC | {"repeats": 2})["id"]
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(read, service, job)
        service.work()
        found = following.result(timeout=60)
    assert found == read(service, job)
    assert found[-1].name == "job_finished"


def test_an_idle_stream_is_kept_alive(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.02)
    service.add_corpus()
    job = service.submit()["id"]
    # The service stops after many looks, and several comments were due by then.
    looks = itertools.count()
    monkeypatch.setattr(Stopping, "__bool__", lambda _: next(looks) > 50)
    text = service.client.get(f"/v1/jobs/{job}/events").text
    assert text.count(": ping\n") >= 2
    assert [event.name for event in events(text)] == ["job_created"]


def test_a_stream_ends_when_the_service_stops(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    looks = iter([False, True])
    monkeypatch.setattr(Stopping, "__bool__", lambda _: next(looks))
    assert [event.name for event in read(service, job)] == ["job_created"]


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "²", "9" * 30, ""])
def test_a_last_event_id_that_is_no_number_is_refused(bad: str, trained: Trained) -> None:
    answer = trained.service.client.get(
        f"/v1/jobs/{trained.job}/events", headers={b"Last-Event-ID": bad.encode("latin-1")}
    )
    assert problem(answer, 422, "invalid-request")["problems"][0]["path"] == "Last-Event-ID"


@pytest.mark.parametrize("bad", ["x", "-1"])
def test_an_after_that_is_no_number_is_refused(bad: str, trained: Trained) -> None:
    answer = trained.service.client.get(f"/v1/jobs/{trained.job}/events?after={bad}")
    assert problem(answer, 422, "invalid-request")["problems"][0]["path"] == "after"


def test_an_unknown_job_has_no_stream(trained: Trained) -> None:
    problem(trained.service.client.get("/v1/jobs/nothing/events"), 404, "not-found")


def live(url: str, path: str) -> Generator[ServerSent, None, None]:
    """The events of a stream as they come."""
    with httpx2.Client(base_url=url, timeout=30) as http, http.stream("GET", path) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield from parse(answer.iter_lines())


def test_a_stream_ends_where_its_job_is_deleted(service: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_poller, "LOOK_SECONDS", 0.01)
    service.add_corpus()
    job = service.submit()["id"]
    with serving(create_app(service.settings)) as url:
        told = live(url, f"/v1/jobs/{job}/events")
        assert next(told).name == "job_created"
        assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
        assert list(told) == []


# -- All jobs -----------------------------------------------------------------------------------------------------


def test_the_newest_jobs_are_told_of_first_and_again_when_something_happens(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.01)
    service.add_corpus()
    first, second, third = (service.submit()["id"] for _ in range(3))
    with serving(create_app(service.settings)) as url:
        told = live(url, "/v1/jobs/changes?limit=2")
        assert [(e.name, e.data.get("id")) for e in itertools.islice(told, 3)] == [
            ("job", second),
            ("job", third),
            ("ready", None),
        ]
        service.client.post(f"/v1/jobs/{second}/pause")
        paused = next(told)
        assert (paused.name, paused.data) == ("job", service.get(f"/v1/jobs/{second}"))
        assert paused.data["state"] == "paused"
        service.client.delete(f"/v1/jobs/{third}")
        rest = list(itertools.islice(told, 2))
        assert [(e.name, e.data["id"]) for e in rest] == [("gone", third), ("job", first)]
        told.close()


def test_a_job_says_the_number_of_its_latest_event(trained: Trained, whole: list[ServerSent]) -> None:
    assert trained.service.get(f"/v1/jobs/{trained.job}")["event"] == len(whole)
