"""A user reads and enlarges a line chart, with and without a mouse."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec
from tests.browser.conftest import Open
from tests.service.installation import SPEC, TEXT

EPOCHS = 8


@pytest.fixture(scope="module")
def job(installation: Gatelab) -> str:
    installation.add_corpus("chart", TEXT)
    spec = SPEC | {"name": "chart", "corpus": "chart", "training": SPEC["training"] | {"epochs": EPOCHS}}
    grid = {"model.cell.gates": [["reset", "update"], []]}
    made = installation.submit(JobSpec.model_validate(spec | {"grid": grid})).id
    installation.wait(made)
    return made


@pytest.fixture
def chart(open_page: Open, job: str) -> Locator:
    page = open_page().go(f"/jobs/{job}")
    page.get_by_label("Measure").select_option("validation_loss")
    found = page.get_by_role("application")
    expect(found).to_be_visible()
    return found


def check_told(page: Page, epoch: int, line: str, loss: float | None) -> None:
    """Check that the chart reports this point of this line."""
    readout, place = page.locator(".readout"), f"epoch {epoch} · {line}: "
    expect(readout).to_have_text(re.compile(re.escape(place) + r"[\d.]+"))
    assert float(readout.inner_text().removeprefix(place)) == pytest.approx(loss, rel=1e-3)


def test_arrow_keys_read_every_point_of_every_line(chart: Locator, installation: Gatelab, job: str) -> None:
    page = chart.page
    chart.focus()
    for at, (line, run) in enumerate(zip(("reset+update", "none"), installation.runs(job=job), strict=True)):
        losses = [row.validation_loss for row in installation.metrics(run.id)]
        steps = ["ArrowRight"] * EPOCHS if at == 0 else ["ArrowDown"] + ["ArrowLeft"] * (EPOCHS - 1)
        epochs = range(1, EPOCHS + 1) if at == 0 else range(EPOCHS, 0, -1)
        for key, epoch in zip(steps, epochs, strict=True):
            page.keyboard.press(key)
            check_told(page, epoch, line, losses[epoch - 1])


def test_it_is_enlarged_by_keys_and_by_dragging(chart: Locator) -> None:
    page, whole = chart.page, chart.page.get_by_role("button", name="Whole")
    expect(whole).to_be_disabled()
    chart.focus()
    page.keyboard.press("+")
    expect(whole).to_be_enabled()
    page.keyboard.press("0")
    expect(whole).to_be_disabled()
    over = chart.locator(".u-over")
    box = over.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    page.mouse.up()
    expect(whole).to_be_enabled()
    whole.click()
    expect(whole).to_be_disabled()


def test_pointing_tells_the_nearest_line(chart: Locator, installation: Gatelab, job: str) -> None:
    page = chart.page
    first, _ = installation.runs(job=job)
    losses = [row.validation_loss for row in installation.metrics(first.id)]
    chart.focus()
    page.keyboard.press("ArrowRight")
    cursor = chart.locator(".u-cursor-pt").first.bounding_box()
    assert cursor
    page.mouse.move(0, 0)
    page.mouse.move(cursor["x"] + cursor["width"] / 2, cursor["y"] + cursor["height"] / 2 + 1)
    check_told(page, 1, "reset+update", losses[0])
