"""A thousand runs: the lists come in pages, and every run is in the heat map."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import insert, update

from gatelab.store import State, Store
from gatelab.store.clock import now
from gatelab.store.tables import metrics, runs
from service.app import create_app
from tests.browser.conftest import watched
from tests.databases import migrate
from tests.service.installation import LIMITS, SPEC, TEXT, client, settings_in
from tests.service.live import serving

GRID = {
    "model.cell.hidden": list(range(2, 12)),
    "training.optimizer.lr": [0.001 * step for step in range(1, 11)],
    "training.num_steps": list(range(4, 14)),
}


def _measure(store: Store, job: str) -> None:
    """Give every run a distinct loss. The rows are written directly, since training would take long."""
    ids = [run.id for run in store.runs.list(job_id=job, limit=1000).items]
    with store.database.write() as connection:
        connection.execute(
            insert(metrics),
            [
                {"run_id": id, "step": epoch, "epoch": epoch, "tokens": 0, "validation_loss": 1 + at / 1000 + 1 / epoch}
                for at, id in enumerate(ids)
                for epoch in (1, 2)
            ],
        )
        connection.execute(update(runs).values(state=State.SUCCEEDED, step=2, epoch=2, finished_at=now()))


def test_a_thousand_runs_are_listed_page_by_page_and_all_in_the_heat_map(browser: Browser, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, limits=LIMITS.model_copy(update={"runs_per_job": 1000}))
    migrate(settings)
    with client(settings) as http, Store(settings) as store, serving(create_app(settings)) as url:
        http.post("/v1/corpora", json={"name": "wells", "text": TEXT}).raise_for_status()
        job = http.post("/v1/jobs", json=SPEC | {"name": "thousand", "grid": GRID}).raise_for_status().json()["id"]
        _measure(store, job)
        with watched(browser, url) as window:
            page = window.go(f"/jobs/{job}?tab=runs")
            rows = page.get_by_role("table").locator("tbody tr")
            expect(rows).to_have_count(50)
            page.get_by_role("button", name="More runs (50 of 1,000)").click()
            expect(rows).to_have_count(100)
            page.get_by_role("tab", name="Heat map").click()
            page.get_by_label("Measure").select_option("validation_loss")
            page.get_by_label("num_steps").fill("9")
            cells = page.get_by_role("table").locator("td.cell")
            expect(cells).to_have_count(100)
            texts = cells.locator("a").all_inner_texts()
            expected = [1.5 + (10 * at + 9) / 1000 for at in range(100)]
            assert [float(text) for text in texts] == pytest.approx(expected, abs=6e-4)
            page.get_by_role("tab", name="Curves").click()
            expect(page.get_by_role("application")).to_be_visible()
            page.get_by_label("Runs").select_option("1000")
            page.get_by_text("As a table").click()
            expect(page.get_by_role("region", name="table").locator("tbody tr")).to_have_count(1000)
            window.shoot("thousand")
            assert window.errors == []
