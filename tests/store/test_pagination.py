import base64
import json
from collections.abc import Callable

import pytest

from gatelab.errors import InvalidRequest
from gatelab.specs import JobSpec
from gatelab.store import Claim, Corpus, Job, Report, Store, metrics, pagination
from gatelab.store.keys import Scope
from gatelab.wire.evaluations import Evaluation, Sample


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


def test_a_page_of_long_specs_is_short_and_none_is_missed(
    store: Store, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "PAGE_CHARACTERS", 10_000)
    made = []
    for number in range(5):
        spec = JobSpec(corpus="abc", name=f"job{number}", grid={"training.seed": list(range(1000, 2000))})
        made.append(store.jobs.create(spec, corpus.id, [spec.base()]).id)
    pages, cursor = [], None
    while True:
        page = store.jobs.list(cursor=cursor, limit=5)
        pages.append([job.id for job in page.items])
        if (cursor := page.next) is None:
            break
    assert [len(page) for page in pages] == [2, 2, 1]  # a spec has over 5,000 characters
    assert [id for page in pages for id in page] == made[::-1]


def test_pages_hold_every_sample_and_every_key_once(
    store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [Sample(step=2**31 + step, epoch=1, prefix="", text="a" * 600) for step in range(5)]
    store.claims.record(claim, Report(step=2**31 + 5, epoch=1, samples=written))
    first = store.samples.page(claim.run_id, limit=2)
    assert first.items == written[:2]
    assert store.samples.page(claim.run_id, cursor=first.next, limit=1000).items == written[2:]
    monkeypatch.setattr(pagination, "PAGE_CHARACTERS", 1000)
    assert store.samples.page(claim.run_id).items == written[:2]
    assert store.samples.list(claim.run_id) == written
    keys = [store.keys.create("ada", Scope.READ, name)[0] for name in "abc"]
    before = store.keys.list(limit=2)
    assert [*before.items, *store.keys.list(cursor=before.next).items] == keys


def test_a_long_history_is_answered_evenly_spaced_whatever_is_asked(
    store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations = [Evaluation(step=step, epoch=1) for step in range(1, 101)]
    store.claims.record(claim, Report(step=100, epoch=1, metrics=evaluations))
    assert len(store.metrics.list(claim.run_id)) == 100
    monkeypatch.setattr(metrics, "MOST_EVALUATIONS", 10)
    for points in (None, 100):
        assert [each.step for each in store.metrics.list(claim.run_id, points=points)] == [1, *range(10, 101, 10)]
        [curve] = store.metrics.of_job(claim.job_id, points=points)
        assert curve.step == [1, *range(10, 101, 10)]
