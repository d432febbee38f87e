"""/v1/jobs on the wire."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update

from gatelab.specs import JobSpec
from gatelab.store import Report
from gatelab.store.tables import runs
from tests.service.installation import SPEC, Installation, problem
from tests.store.conftest import claimed

NO_RUNS = {"queued": 0, "running": 0, "paused": 0, "succeeded": 0, "failed": 0, "cancelled": 0}


@pytest.fixture
def job(service: Installation) -> Any:
    """The answer to a job of two queued runs."""
    service.add_corpus()
    return service.submit(SPEC | {"repeats": 2})


def test_a_job_is_accepted(service: Installation) -> None:
    service.add_corpus()
    answer = service.client.post("/v1/jobs", json=SPEC | {"grid": {"model.layers": [1, 2, 3]}, "repeats": 2})
    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert (body["name"], body["state"], body["runs"]) == ("tiny", "queued", {"total": 6} | NO_RUNS | {"queued": 6})
    assert body == service.get(answer.headers["location"])


def test_runs_that_would_be_the_same_are_trained_once_and_count_once(service: Installation) -> None:
    """A repeated learning rate, and overlapping seeds: three runs each, not six and four."""
    service.add_corpus()
    twice = SPEC | {"grid": {"training.optimizer.lr": [0.1, "1e-1"]}, "repeats": 3}
    meeting = SPEC | {"grid": {"training.seed": [0, 1]}, "repeats": 2}
    for spec, left_out, indexes in ((twice, 3, [0, 1, 2]), (meeting, 1, [0, 1, 3])):
        job = service.submit(spec)
        assert (job["runs"]["total"], job["left_out"]) == (3, left_out)
        assert [run["index"] for run in service.runs(job["id"])] == indexes
        service.work()
        assert [curve["index"] for curve in service.get(f"/v1/jobs/{job['id']}/metrics")["data"]] == indexes
        [variant] = service.get(f"/v1/jobs/{job['id']}/report")["variants"]
        assert (variant["seeds"], variant["averages"]["validation_perplexity"]["n"]) == (3, 3)


def test_overlapping_paths_are_refused(service: Installation) -> None:
    service.add_corpus()
    grid = {"model.cell.hidden": [4, 8], "model.cell": [{"kind": "gru"}, {"kind": "lstm"}]}
    found = problem(service.client.post("/v1/jobs", json=SPEC | {"grid": grid}), 422, "invalid-spec")
    assert [(each["path"], "model.cell, also" in each["message"]) for each in found["problems"]] == [
        ("grid.model.cell.hidden", True)
    ]


def test_whoever_asks_for_the_same_runs_again_is_shown_the_earlier_job(service: Installation) -> None:
    service.add_corpus()
    first = service.submit(SPEC | {"grid": {"training.seed": [0, 1]}})
    assert first["trained"] is None
    same = SPEC | {"name": "again", "repeats": 2, "training": SPEC["training"] | {"windows": {}}}
    assert service.submit(same)["trained"] is None, "the first has not ended"
    service.work()
    dry = service.client.post("/v1/jobs?dry_run=true", json=same).json()
    again = service.submit(same)
    assert dry["trained"] in {job["id"] for job in service.get("/v1/jobs")["data"][1:]}
    assert again["trained"] == dry["trained"] == service.get(f"/v1/jobs/{again['id']}")["trained"]
    assert service.submit(SPEC | {"repeats": 3})["trained"] is None
    assert service.client.delete(f"/v1/jobs/{again['trained']}").status_code == 204
    assert service.get(f"/v1/jobs/{again['id']}")["trained"] is None


def test_a_job_answers_its_spec_with_all_defaults(job: Any) -> None:
    assert job["spec"] == JobSpec.model_validate(SPEC | {"repeats": 2}).model_dump(mode="json")
    assert JobSpec.model_validate(job["spec"]).model_dump(mode="json") == job["spec"]


def test_a_corpus_may_be_named_by_its_id(service: Installation) -> None:
    corpus = service.add_corpus()
    job = service.submit(SPEC | {"corpus": corpus["id"]})
    service.work()
    assert service.get(f"/v1/jobs/{job['id']}")["state"] == "succeeded"


def test_a_job_that_has_not_begun_knows_no_end(job: Any) -> None:
    assert (job["progress"], job["eta_seconds"]) == (0, None)
    assert (job["started_at"], job["finished_at"]) == (None, None)
    assert datetime.fromisoformat(job["created_at"]).utcoffset() is not None


def test_progress_is_the_mean_over_the_runs_and_eta_what_is_left_at_that_speed(service: Installation, job: Any) -> None:
    first = claimed(service.store)
    service.store.claims.record(first, Report(step=5, epoch=1, total_steps=10, checkpoint=b"five"))
    with service.store.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == first.run_id).values(started_at=runs.c.started_at - 100))
    now = service.get(f"/v1/jobs/{job['id']}")
    assert (now["state"], now["progress"]) == ("running", 0.25)
    assert now["eta_seconds"] >= 300, "a quarter took at least 100 s"
    assert now["eta_seconds"] < 600


def test_a_finished_job_is_through(service: Installation, job: Any) -> None:
    service.work()
    done = service.get(f"/v1/jobs/{job['id']}")
    assert (done["state"], done["progress"], done["eta_seconds"]) == ("succeeded", 1, 0)
    assert done["runs"] == {"total": 2} | NO_RUNS | {"succeeded": 2}
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


def test_jobs_are_listed_newest_first_in_pages(service: Installation) -> None:
    service.add_corpus()
    made = [service.submit(SPEC | {"name": f"job-{n}"}) for n in range(3)]
    first = service.get("/v1/jobs?limit=2")
    rest = service.get(f"/v1/jobs?limit=2&cursor={first['next']}")
    assert first["data"] + rest["data"] == made[::-1]
    assert rest["next"] is None


def test_jobs_are_listed_by_state(service: Installation, job: Any) -> None:
    service.work()
    waiting = service.submit()
    assert service.get("/v1/jobs?state=queued")["data"] == [waiting]
    assert [found["id"] for found in service.get("/v1/jobs?state=succeeded")["data"]] == [job["id"]]


def test_a_job_is_paused_resumed_and_cancelled(service: Installation, job: Any) -> None:
    def ask(what: str) -> Any:
        answer = service.client.post(f"/v1/jobs/{job['id']}/{what}")
        assert answer.status_code == 200, answer.text
        assert answer.json() == service.get(f"/v1/jobs/{job['id']}")
        return answer.json()["state"]

    assert [ask(what) for what in ("pause", "resume", "cancel")] == ["paused", "queued", "cancelled"]
    problem(service.client.post(f"/v1/jobs/{job['id']}/resume"), 409, "wrong-state")


def test_a_job_that_has_ended_is_not_cancelled(service: Installation, job: Any) -> None:
    service.work()
    problem(service.client.post(f"/v1/jobs/{job['id']}/cancel"), 409, "wrong-state")
    assert service.get(f"/v1/jobs/{job['id']}")["state"] == "succeeded"


def test_deleting_a_job_takes_all_it_left_with_it(service: Installation, job: Any) -> None:
    service.work()
    assert service.client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    # The ids of its runs are kept for a day, for files that a worker may still write.
    left = {"corpora": 1, "deleted_runs": job["runs"]["total"]}
    assert service.rows() == dict.fromkeys(service.rows(), 0) | left


def test_a_running_job_is_not_deleted(service: Installation, job: Any) -> None:
    claimed(service.store)
    problem(service.client.delete(f"/v1/jobs/{job['id']}"), 409, "wrong-state")
    assert service.rows()["runs"] == 2
