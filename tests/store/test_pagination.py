import base64
import json
from collections.abc import Callable

import pytest

from gatelab.errors import InvalidRequest
from gatelab.store import Job, Store


def test_pages_hold_every_job_once_while_new_ones_come(store: Store, new_job: Callable[..., Job]) -> None:
    made = [new_job().id for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = store.jobs.list(cursor=cursor, limit=2)
        seen += [job.id for job in page.items]
        new_job()
        if (cursor := page.next) is None:
            break
    assert seen == made[::-1]


def test_pages_hold_every_run_once(store: Store, new_job: Callable[..., Job]) -> None:
    jobs = [new_job(3), new_job(1), new_job(4)]
    seen: list[tuple[str, int]] = []
    cursor = None
    while True:
        page = store.runs.list(cursor=cursor, limit=3)
        seen += [(run.job_id, run.index) for run in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == [(job.id, index) for job in jobs for index in range(job.total)]


def test_a_last_page_that_is_full_has_no_successor(store: Store, new_job: Callable[..., Job]) -> None:
    new_job(2)
    assert store.runs.list(limit=2).next is None


def encoded(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "!!!!",
        encoded({}),
        encoded([]),
        encoded([1.0]),
        encoded(["job", 1.0]),
        encoded([1.0, 2]),
        encoded([1.0, "a\0b"]),
        encoded([1.0, "\ud800"]),
        encoded([float("nan"), "job"]),
        encoded([True, "job"]),
        encoded([1.0, "job", 1]),
    ],
)
def test_a_cursor_of_nothing_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.jobs.list(cursor=cursor)
    assert caught.value.problems[0].path == "cursor"


@pytest.mark.parametrize("index", [-1, 2**31, 1.0, True])
def test_a_cursor_has_no_numbers_that_the_database_has_no_room_for(store: Store, index: object) -> None:
    with pytest.raises(InvalidRequest):
        store.runs.list(cursor=encoded([1.0, "job", index]))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_1_to_1000_items(store: Store, limit: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.jobs.list(limit=limit)
    assert caught.value.problems[0].path == "limit"
