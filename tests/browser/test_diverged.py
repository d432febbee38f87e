"""The page says which runs diverged, have no gates or were left out of a grid, and shows everything else."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, insert, update

from gatelab.store import State, Store
from gatelab.store.clock import now
from gatelab.store.tables import metrics, runs
from service.app import create_app
from tests.browser.conftest import Watched, watched
from tests.databases import migrate
from tests.service.installation import LIMITS, SPEC, TEXT, client, settings_in
from tests.service.live import serving

NAN = {"type": "diverged", "message": "the loss is nan at step 7 (epoch 2)"}
Losses = list[float | None]


class Written:
    """An installation whose runs have the losses that a test gives them: it cannot control those of a worker."""

    def __init__(self, http: Any, store: Store, window: Watched) -> None:
        self.http = http
        self.store = store
        self.window = window

    def job(self, losses: Mapping[int, Losses], *, failed: tuple[int, ...] = (), **spec: Any) -> str:
        """Make a finished job. Run index -> its losses, epoch by epoch; runs with other indexes do not exist."""
        made: str = self.http.post("/v1/jobs", json=SPEC | spec).raise_for_status().json()["id"]
        ids = {run.index: run.id for run in self.store.runs.list(job_id=made, limit=1000).items}
        rows = [
            {"run_id": ids[index], "step": epoch, "epoch": epoch, "tokens": 0, "gates": [{}]}
            | {"train_loss": loss, "validation_loss": loss}
            for index, measured in losses.items()
            for epoch, loss in enumerate(measured, 1)
        ]
        with self.store.database.write() as connection:
            if rows:
                connection.execute(insert(metrics), rows)
            for index, run in ids.items():
                error = NAN if index in failed else None
                state = State.FAILED if error else State.SUCCEEDED
                if index in losses:
                    changed = update(runs).where(runs.c.id == run)
                    connection.execute(changed.values(state=state, error=error, finished_at=now()))
                else:
                    connection.execute(delete(runs).where(runs.c.id == run))
        return made

    def run(self, losses: Losses, *, failed: bool = False, **spec: Any) -> str:
        """The address of the only run of such a job."""
        job = self.job({0: losses}, failed=(0,) if failed else (), **spec)
        return f"/runs/{self.store.runs.list(job_id=job, limit=1).items[0].id}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store, str]]:
    limits = LIMITS.model_copy(update={"runs_per_job": 100})
    settings = settings_in(Path(tmp_path_factory.mktemp("diverged")), limits=limits)
    migrate(settings)
    with client(settings) as http, Store(settings) as store, serving(create_app(settings)) as url:
        http.post("/v1/corpora", json={"name": "wells", "text": TEXT}).raise_for_status()
        yield http, store, url


@pytest.fixture
def written(browser: Browser, service: tuple[Any, Store, str]) -> Iterator[Written]:
    http, store, url = service
    with watched(browser, url) as window:
        yield Written(http, store, window)
        assert window.errors == []


def heat(page: Page) -> list[list[str]]:
    """The texts of the heat map's cells, row by row."""
    expect(page.get_by_role("table").locator("td.cell").first).to_be_visible()
    rows = page.get_by_role("table").locator("tbody tr").all()
    return [[cell.inner_text().split("\n")[0] for cell in row.locator("td.cell").all()] for row in rows]


def shares(page: Page) -> list[float]:
    """The strength of the colour, in per cent, of each coloured cell."""
    styles = page.locator("td.cell[style]").evaluate_all("nodes => nodes.map((node) => node.getAttribute('style'))")
    return [float(style.partition("--heat-high) ")[2].partition("%")[0]) for style in styles]


def test_a_run_that_measured_nothing_says_why(written: Written) -> None:
    page = written.window.go(written.run([], failed=True, name="at-once"))
    expect(page.get_by_text("the run diverged before its first evaluation")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    page = written.window.go(written.run([None, None], failed=True, name="never-finite"))
    expect(page.get_by_text("the run diverged, and perplexity was never a finite number")).to_be_visible()
    expect(page.get_by_text("the speed was not measured")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    written.window.shoot("diverged-run")


def test_a_cell_without_gates_is_told(written: Written) -> None:
    rnn = {"cell": {"kind": "rnn", "hidden": 4}}
    page = written.window.go(written.run([2.0, 1.5], name="rnn", model=rnn))
    expect(page.get_by_text("The cell rnn has no gates, so it has no statistics of gates.")).to_be_visible()
    expect(page.get_by_label("Figure")).to_have_count(0)
    expect(page.locator("canvas")).to_have_count(1)


INKED = """([canvas, colour]) => {
  const found = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let dots = 0;
  for (let at = 0; at < found.length; at += 4)
    dots += colour.every((part, channel) => Math.abs(found[at + channel] - part) < 12) && found[at + 3] > 200;
  return dots;
}"""


def test_a_point_between_gaps_is_drawn(written: Written) -> None:
    """Training (amber) and validation (teal) have one finite loss each."""
    page = written.window.go(written.run([None, 1.5, None, None], name="lone"))
    canvas = page.get_by_role("application", name="Perplexity").locator("canvas")
    expect(canvas).to_be_visible()
    written.window.shoot("lone-point")
    # Both are at the same place, so only the last of them is visible.
    assert page.evaluate(INKED, [canvas.element_handle(), [13, 148, 136]]) > 10


def test_one_diverged_run_leaves_the_others_their_colours(written: Written) -> None:
    """Two rates. At the second, all runs diverged or have a far larger loss."""
    grid = {"model.cell.hidden": [4, 6, 8], "training.optimizer.lr": [0.1, 0.2, 0.3]}
    losses: dict[int, Losses] = {
        **{0: [1.6], 1: [1.7], 2: [30.0], 3: [1.8], 4: [1.9], 5: [None], 6: [2.0], 7: [2.1], 8: [3.0, 500.0]},
    }
    job = written.job(losses, failed=(5, 8), name="far", grid=grid)
    page = written.window.go(f"/jobs/{job}?tab=heat")
    assert heat(page) == [["4.953", "5.474", "1.07e13"], ["6.05", "6.686", "diverged"], ["7.389", "8.166", "diverged"]]
    *_, far = [shares(page)[at] for at in (0, 1, 3, 4, 5, 6, 2)]
    good = sorted(share for at, share in enumerate(shares(page)) if at != 2)
    assert far == 0
    assert good[-1] == 100, "the best has all colour"
    assert [b - a for a, b in itertools.pairwise(good)] == pytest.approx([20] * 5, abs=1), "evenly spread"
    expect(page.get_by_role("group", name="Scale of the colours")).to_contain_text("1 cell above")
    written.window.shoot("heat-diverged")
    page.get_by_role("tab", name="Curves").click()
    expect(page.get_by_text("The scale leaves out 2 points above")).to_contain_text("hidden=4, lr=0.3")
    expect(page.get_by_text("2 of 9 runs diverged")).to_contain_text("hidden=6, lr=0.3")
    page.get_by_role("button", name="Show them too").click()
    expect(page.get_by_text("The scale includes 2 points above")).to_be_visible()
    written.window.shoot("curves-diverged")


def test_a_job_of_diverged_runs_says_so(written: Written) -> None:
    job = written.job({0: [], 1: []}, failed=(0, 1), name="all-diverged", grid={"training.optimizer.lr": [0.1, 0.2]})
    page = written.window.go(f"/jobs/{job}")
    expect(page.get_by_text("2 of them diverged before the first one")).to_be_visible()
    page.get_by_role("tab", name="Heat map").click()
    assert heat(page) == [["diverged"], ["diverged"]]


def test_values_that_were_left_out_have_no_place(written: Written) -> None:
    """The grid lists a rate twice, and runs it once, so the indexes have gaps."""
    grid = {"training.optimizer.lr": [0.1, 0.1, 0.2], "model.cell.hidden": [4, 6], "training.num_steps": [8, 8, 16]}
    # Index = 6 * lr + 3 * hidden + num_steps, for points whose value is the first of its kind.
    kept = [6 * lr + 3 * hidden + steps for lr in (0, 2) for hidden in (0, 1) for steps in (0, 2)]
    job = written.job({index: [1 + index / 100] for index in kept}, name="twice", grid=grid)
    page = written.window.go(f"/jobs/{job}?tab=heat")
    page.get_by_label("Measure").select_option("validation_loss")
    assert heat(page) == [["1", "1.03"], ["1.12", "1.15"]]
    page.get_by_label("num_steps").fill("1")
    assert heat(page) == [["1.02", "1.05"], ["1.14", "1.17"]]
    page.get_by_role("tab", name="Curves").click()
    page.get_by_label("Colour by").select_option(label="lr")
    expect(page.get_by_role("list", name="Legend").get_by_role("listitem")).to_have_text(["0.1", "0.2"])
    page.get_by_role("tab", name="Runs").click()
    expect(page.get_by_role("rowheader").last).to_have_text("lr=0.2, hidden=6, num_steps=16")


def test_every_curve_has_a_name(written: Written) -> None:
    grid = {"model.cell.hidden": list(range(2, 8)), "training.num_steps": list(range(4, 10))}
    job = written.job({index: [2 - index / 50, 1.9 - index / 50] for index in range(36)}, name="many", grid=grid)
    page = written.window.go(f"/jobs/{job}")
    page.get_by_text("Legend: 36 colours").click()
    entries = page.get_by_role("list", name="Legend").get_by_role("listitem")
    expect(entries).to_have_count(36)
    expect(entries.last).to_have_text("hidden=7, num_steps=9")
    keys = entries.locator(".key").evaluate_all("keys => new Set(keys.map((key) => key.style.background)).size")
    assert keys == 36
    written.window.shoot("legend")
