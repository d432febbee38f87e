"""The page shows events as they happen, even if the service stops or restarts in the meantime."""

import itertools
import re
import signal
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec
from tests.acceptance.stack import Stack, end
from tests.browser.conftest import Open, watched
from tests.service.installation import SPEC, TEXT
from tests.waiting import eventually

LONG = SPEC | {"name": "long", "corpus": "live", "training": SPEC["training"] | {"epochs": 100_000}}
"""A job that trains until it is cancelled."""


def add_text(client: Gatelab) -> None:
    client.add_corpus("live", TEXT)


def test_a_job_is_steered_from_the_list_and_followed_there(open_page: Open, installation: Gatelab) -> None:
    window = open_page()
    page = window.go("/")
    add_text(installation)
    job = installation.submit(JobSpec.model_validate(LONG | {"name": "steered"})).id
    row = page.get_by_role("listitem").filter(has_text="steered")
    expect(row.get_by_text("running")).to_be_visible()
    expect(row.get_by_role("progressbar")).to_be_visible()
    for button, state in (("Pause", "paused"), ("Resume", "running"), ("Cancel", "cancelled")):
        row.get_by_role("button", name=button).click()
        expect(row.get_by_text(state, exact=True)).to_be_visible()
        assert installation.job(job).state == state
    window.shoot("steered")
    row.get_by_role("button", name="Delete steered").click()
    row.get_by_role("button", name="Delete with all its runs").click()
    expect(row).to_have_count(0)


def test_all_that_a_run_reports_is_there_without_a_reload(open_page: Open, installation: Gatelab) -> None:
    """The test result comes with the last evaluation; the time and the parameters come with no event at all."""
    add_text(installation)
    windows = {"stride": 1, "train": 200, "validation": 100, "test": 100}
    training = SPEC["training"] | {"epochs": 400, "windows": windows, "gate_statistics": True}
    job = installation.submit(JobSpec.model_validate(LONG | {"name": "reports", "training": training})).id
    installation.pause(job)
    eventually(lambda: installation.job(job).state == "paused", "the job is paused")
    [run] = installation.runs(job=job)
    assert run.metrics.test_perplexity is None, "it has not ended before it is looked at"
    addresses = (f"/runs/{run.id}", f"/jobs/{job}?tab=runs")
    followed = [open_page().go(address) for address in addresses]
    for page in followed:
        expect(page.get_by_role("status")).to_have_text("live")
    installation.resume(job)
    assert installation.wait(job).state == "succeeded"
    [run] = installation.runs(job=job)
    assert run.metrics.test_perplexity
    expect(_figures(followed[0])).to_contain_text(f"test perplexity {run.metrics.test_perplexity:.4g}".rstrip("0"))
    for page, address in zip(followed, addresses, strict=True):
        later = open_page().go(address)
        # Both fetch by themselves: what they say is compared once they say something.
        expect(_figures(later)).to_have_text(re.compile(r"\d"))
        eventually(partial(_say_the_same, page, later), "both say the same")


def _say_the_same(first: Page, second: Page) -> bool:
    return _figures(first).inner_text() == _figures(second).inner_text()


def _figures(page: Page) -> Locator:
    """The numbers in a view of a run, or of a job's runs."""
    return page.locator("dl.figures, [aria-label=Runs] tbody")


@pytest.mark.long
def test_a_restarted_service_loses_nothing_on_open_pages(browser: Browser, tmp_path: Path, redis_url: str) -> None:
    """Two processes serve. They stop in time although pages are open; later the pages catch up on all events."""
    stack = Stack(tmp_path, {"GATELAB_BROKER_URL": redis_url})
    try:
        stack.run("gatelab.store.migrate", "--key")
        _serve(stack)
        stack.start_worker()
        with stack.client() as client:
            add_text(client)
            job = client.submit(JobSpec.model_validate(LONG | {"training": LONG["training"] | {"epochs": 3000}})).id
            key, url = stack.key_file.read_text().strip(), f"http://127.0.0.1:{stack.port}"
            with watched(browser, url, key=key) as first, watched(browser, url, key=key) as second:
                page = first.go(f"/jobs/{job}?tab=runs")
                listed = second.go("/")
                expect(page.get_by_role("progressbar").first).to_be_visible()
                expect(listed.get_by_role("status")).to_have_text("live")
                before = _epoch(page)
                assert stack.service
                assert end(stack.service, signal.SIGTERM) in (0, -signal.SIGTERM), stack.log()
                expect(page.get_by_role("status")).to_contain_text("reconnecting")
                _serve(stack)
                expect(page.get_by_role("status")).to_have_text("live")
                eventually(lambda: _epoch(page) > before, "the page shows a later epoch")
                client.wait(job)
                expect(page.get_by_role("main").get_by_text("succeeded").first).to_be_visible()
                expect(listed.get_by_role("listitem").get_by_text("succeeded")).to_be_visible()
                _check_curve(page, client, job)
                unexpected = [told for told in first.errors + second.errors if "ERR_" not in told]
                assert unexpected == []
    finally:
        stack.stop()


def _serve(stack: Stack) -> None:
    """A service with two processes, each of which may get any request."""
    arguments = ["service", f"--port={stack.port}", "--workers=2"]
    stack.service = stack.launch(*arguments, "--timeout-graceful-shutdown=10")
    eventually(stack._is_ready, "the service is ready")


def _epoch(page: Page) -> int:
    return int(page.get_by_role("row").nth(1).get_by_role("cell").nth(2).inner_text())


def _check_curve(page: Page, client: Gatelab, job: str) -> None:
    """Every evaluation is in the chart's table, even those that happened while the service was stopped."""
    page.get_by_role("tab", name="Curves").click()
    page.get_by_label("Measure").select_option("bits_per_character")
    page.get_by_text("As a table").click()
    rows = page.get_by_role("region", name=re.compile("table")).locator("tbody tr")
    [run] = client.runs(job=job)
    metrics = list(client.metrics(run.id))
    texts = rows.all_inner_texts()
    epochs = [int(text.split()[0]) for text in texts]
    # The page fetched the past as about 300 points when it was opened, and has all later points.
    gaps = [b - a for a, b in itertools.pairwise(epochs)]
    first_live = next(at for at in range(len(gaps)) if all(gap == 1 for gap in gaps[at:]))
    assert epochs[-1] == len(metrics)
    assert epochs[first_live] <= 1500, "the service was away while this was measured"
    by_epoch = {row.epoch: row for row in metrics}
    for text in texts[:: max(1, len(texts) // 50)]:
        epoch, told = text.split()
        expected = by_epoch[int(epoch)].bits_per_character
        assert expected is not None
        assert abs(float(told) - expected) < 0.001 * expected + 1e-3
