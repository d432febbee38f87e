"""The playground and the gate lab show what the API answers."""

import math

import pytest
from playwright.sync_api import Locator, expect

from client.api import Gatelab
from client.models import Run
from gatelab.specs import JobSpec
from tests.browser.conftest import Open
from tests.service.installation import SPEC, TEXT

PROMPT, SEED, LENGTH = "the ", 3, 40


@pytest.fixture(scope="module")
def runs(installation: Gatelab) -> list[Run]:
    """Two that differ by their gates."""
    installation.add_corpus("writing", TEXT)
    grid = {"model.cell.gates": [["reset", "update"], ["update"]]}
    spec = SPEC | {"name": "writing", "corpus": "writing", "grid": grid}
    job = installation.submit(JobSpec.model_validate(spec)).id
    installation.wait(job)
    return list(installation.runs(job=job))


def test_two_models_write_what_the_api_writes_and_go_on(
    open_page: Open, installation: Gatelab, runs: list[Run]
) -> None:
    page = open_page().go(f"/playground?a={runs[0].id}&b={runs[1].id}")
    for pane in ("Model A", "Model B"):
        expect(page.get_by_label(f"{pane}: run")).not_to_have_value("")
    page.get_by_label("Prompt").fill(PROMPT)
    page.get_by_label("Characters").fill(str(LENGTH))
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_role("button", name="Write").click()
    for pane, run in zip(("Model A", "Model B"), runs, strict=True):
        expected = installation.generate(run.id, PROMPT, max_tokens=LENGTH, seed=SEED, temperature=0.8).text
        text = page.get_by_role("region", name=pane).get_by_role("application")
        expect(text).to_have_text(PROMPT + expected)
    first = page.get_by_role("region", name="Model A")
    first.get_by_role("button", name="Continue").click()
    text = first.get_by_role("application")
    expect(text.locator("span")).to_have_count(len(PROMPT) + 2 * LENGTH)
    _check_probabilities(installation, runs[0], first)


def _check_probabilities(installation: Gatelab, run: Run, pane: Locator) -> None:
    """What pointing at a character tells is what the score says."""
    characters = pane.get_by_role("application")
    text = characters.text_content() or ""
    [score] = installation.score(run.id, text)
    assert score.log_probabilities is not None
    for at in (0, 10, len(text) - 1):
        characters.locator("span").nth(at).hover()
        share = 100 * math.exp(score.log_probabilities[at])
        told = f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 0.1 else "<0.1 %"
        expect(pane.get_by_text(" had ")).to_contain_text(f" had {told}.")


def test_a_gate_that_is_held_cuts_what_the_state_depends_on(
    open_page: Open, installation: Gatelab, runs: list[Run]
) -> None:
    """The exercise, by clicks: z = r = 0 at one step, z = 1 after it."""
    page = open_page().go(f"/gates?run={runs[0].id}&text=the+tim")
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("row")).to_have_count(1 + 6)
    expect(page.get_by_text("Every input counts.")).to_be_visible()
    value = page.get_by_label("Hold at")
    for step in range(5, 8):
        grid.get_by_role("columnheader", name=f"step {step},").click()
    value.focus()
    page.keyboard.press("Home")
    grid.get_by_role("columnheader", name="step 4,").click()
    page.get_by_label("Shown").select_option("reset")
    column = grid.get_by_role("columnheader", name="step 4,")
    column.focus()
    page.keyboard.press("Enter")
    told = page.get_by_text("Exactly none:")
    expect(told).to_contain_text("step 3 (e)")
    for step in (0, 1, 2, 3, 5, 6, 7):
        expect(told).to_contain_text(f"step {step} ")
    expect(told).not_to_contain_text("step 4 ")
    expect(told).to_contain_text("The initial state: exactly none.")
    expect(page.get_by_role("region", name="What is held").get_by_role("listitem")).to_have_count(5)
    page.get_by_role("button", name="Hold nothing").click()
    expect(page.get_by_text("Every input counts.")).to_be_visible()
