"""From a text to a heat map and to generated text, by the keyboard alone."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from gatelab.client.api import Gatelab
from tests.browser.conftest import Open
from tests.browser.keyboard import press, tab_to, write
from tests.service.installation import TEXT

NAME = "by-keyboard"
HIDDEN, RATES = (4, 6), (0.02, 0.05)


def test_from_a_corpus_to_generated_text_without_a_mouse(
    open_page: Open, installation: Gatelab, tmp_path: Path
) -> None:
    file = tmp_path / f"{NAME}.txt"
    file.write_text(TEXT * 3)
    window = open_page()
    # With a listener, the browser asks the test instead of opening a dialog, so it comes before the key press.
    window.page.on("filechooser", lambda chooser: chooser.set_files(file))
    page = window.go("/")
    _upload(page)
    _submit(page)
    expect(page).to_have_url(re.compile("/jobs/job-"))
    job = page.url.partition("/jobs/")[2].partition("?")[0]
    # The page also counts the runs that have succeeded while others continue.
    assert installation.wait(job).state == "succeeded"
    expect(page.get_by_text("succeeded").first).to_be_visible()
    _read_heat_map(page, installation, job)
    window.shoot("way-heat-map")
    _read_text(page)
    window.shoot("way-text")


def _upload(page: Page) -> None:
    press(page, page.get_by_role("link", name="Corpora"))
    tab_to(page, page.get_by_label("A UTF-8 text file"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_have_value(NAME)
    press(page, page.get_by_role("button", name="Upload"))
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    expect(page.get_by_text(TEXT[:60])).to_be_visible()
    size = len(set(TEXT))
    expect(page.get_by_role("heading", name=f"Alphabet: {size} characters")).to_be_visible()


def _submit(page: Page) -> None:
    press(page, page.get_by_role("link", name="Train on it"))
    expect(page.get_by_label("Corpus")).to_have_value(NAME)
    write(page, page.get_by_label("Epochs"), "2")
    write(page, page.get_by_label("Windows per batch"), "16")
    write(page, page.get_by_label("Steps per window"), "16")
    for at, values in enumerate((HIDDEN, RATES)):
        press(page, page.get_by_role("button", name="Add an axis"))
        write(page, page.get_by_label("Values, separated by commas").nth(at), ", ".join(map(str, values)))
    write(page, page.get_by_label("Repeats"), "2")
    page.keyboard.press("Enter")
    plan = page.get_by_role("region", name="What the job would cost")
    expect(plan).to_contain_text("8")
    press(page, page.get_by_role("button", name="Start 8 runs"))
    expect(page).to_have_url(re.compile("/jobs/job-"))


def _read_heat_map(page: Page, installation: Gatelab, job: str) -> None:
    """The heat map's cells are table cells with the means of the API's numbers."""
    tab_to(page, page.get_by_role("tab", name="Curves"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Heat map")).to_be_focused()
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(2 + len(HIDDEN))
    reached = [run.metrics.validation_perplexity for run in installation.runs(job=job)]
    for down, hidden in enumerate(HIDDEN):
        row = table.get_by_role("row").nth(2 + down)
        expect(row.get_by_role("rowheader")).to_have_text(str(hidden))
        for across in range(len(RATES)):
            pair = reached[2 * (down * len(RATES) + across) :][:2]
            assert None not in pair
            mean = sum(value for value in pair if value is not None) / 2
            told = row.get_by_role("cell").nth(across).get_by_role("link").inner_text()
            assert abs(float(told) - mean) < 0.005 * mean, "three digits are shown"
    press(page, table.get_by_role("link").first)
    expect(page).to_have_url(re.compile("/runs/run-"))


def _read_text(page: Page) -> None:
    expect(page.get_by_role("heading", name="What it writes, epoch by epoch")).to_be_visible()
    warmer = page.get_by_role("listitem").filter(has_text="now, at 0.6")
    expect(warmer).to_be_visible()
    press(page, page.get_by_role("link", name="Let it write"))
    write(page, page.get_by_label("Prompt"), "the time ")
    write(page, page.get_by_label("Seed"), "1")
    press(page, page.get_by_role("button", name="Write"))
    text = page.get_by_role("application", name="The text, character by character")
    expect(text).to_be_visible()
    written = text.text_content() or ""
    assert written.startswith("the time ")
    assert 150 < len(written) <= len("the time ") + 200, "spaces that follow each other are one to the model"
    tab_to(page, text)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile(r"^h had .*Likeliest: ", re.S))).to_be_visible()
