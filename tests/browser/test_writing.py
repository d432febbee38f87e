"""The playground and the gate lab show what the API answers."""

import math

import pytest
from playwright.sync_api import Locator, Page, expect

from gatelab.client.api import Gatelab
from gatelab.client.models import Run
from gatelab.specs import JobSpec
from tests.browser.conftest import Open
from tests.service.installation import SPEC, TEXT

PROMPT, SEED, LENGTH = "the ", 3, 40


@pytest.fixture(scope="module")
def runs(installation: Gatelab) -> list[Run]:
    """Two runs that differ in their gates."""
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
        expected = installation.generate(run.id, PROMPT, max_tokens=LENGTH, seed=SEED, temperature=0.6).text
        text = page.get_by_role("region", name=pane).get_by_role("application")
        expect(text).to_have_text(PROMPT + expected)
    first = page.get_by_role("region", name="Model A")
    first.get_by_role("button", name="Continue").click()
    text = first.get_by_role("application")
    expect(text.locator("span")).to_have_count(len(PROMPT) + 2 * LENGTH)
    _check_probabilities(installation, runs[0], first)


def _check_probabilities(installation: Gatelab, run: Run, pane: Locator) -> None:
    """Pointing at a character shows the same probability as the score."""
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
    expect(page.get_by_text("Every input has some influence.")).to_be_visible()
    page.get_by_label("From step").select_option("5")
    page.get_by_role("button", name="Hold the update gate of all units at 1").click()
    page.get_by_label("Hold at").focus()
    page.keyboard.press("Home")
    grid.get_by_role("columnheader", name="step 4,").click()
    page.get_by_label("Shown").select_option("reset")
    column = grid.get_by_role("columnheader", name="step 4,")
    column.focus()
    page.keyboard.press("Enter")
    _check_exercise(page)
    page.reload()
    _check_exercise(page)
    page.get_by_role("button", name="Release update = 1 from step 5").click()
    expect(page.get_by_role("region", name="Held gates").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Release all").click()
    expect(page.get_by_text("Every input has some influence.")).to_be_visible()
    assert "hold=" not in page.url


def _check_exercise(page: Page) -> None:
    told = page.get_by_text("Exactly none:")
    expect(told).to_contain_text("Only step 4 (␣) has any influence.")
    none = ", ".join(f"step {at} ({token})" for at, token in enumerate(["<bos>", *"the␣tim"]) if at != 4)
    expect(told).to_contain_text(f"Exactly none: {none}.")
    expect(told).to_contain_text("The initial state: exactly none.")
    held = page.get_by_role("region", name="Held gates").get_by_role("listitem")
    expect(held).to_have_count(3)
    expect(held.filter(has_text="update = 1 from step 5 (t) to 7 (m), all units")).to_have_count(1)
    bars = page.get_by_role("region", name="Influence of each input").get_by_role("listitem")
    expect(bars).to_have_count(8)
    heights = bars.evaluate_all("bars => bars.map((bar) => bar.querySelector('.bar').getBoundingClientRect().height)")
    assert [height > 10 for height in heights] == [step == 4 for step in range(8)], "one bar, and zeros for the others"
    expect(bars.nth(3)).to_contain_text("held exactly none, free ")


def test_a_held_step_that_the_text_does_not_have_is_refused_in_words(open_page: Open, runs: list[Run]) -> None:
    window = open_page()
    page = window.go(f"/gates?run={runs[0].id}&text=the+tim&hold=update%3D1%405-90,nonsense")
    expect(page.get_by_role("alert")).to_contain_text("clamp")
    window.forgive("422")
    page.get_by_role("button", name="Release all").click()
    expect(page.get_by_text("Every input has some influence.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_greedy_sample_is_called_so_and_another_is_offered(open_page: Open, runs: list[Run]) -> None:
    page = open_page().go(f"/runs/{runs[0].id}")
    expect(page.get_by_text("Greedy: always the likeliest character")).to_be_visible()
    page.get_by_role("link", name="At temperature 0.6").click()
    expect(page.get_by_label("Prompt")).to_have_value("the ")
    expect(page.get_by_label("Temperature")).to_have_value("0.6")
    expect(page.get_by_label("Model: run")).to_have_value(runs[0].id)
    page.go_back()
    expect(page.get_by_text("Greedy")).to_be_visible()
    for address in (f"/jobs/{runs[0].job}?tab=report", f"/compare?runs={runs[0].id},{runs[1].id}"):
        page = open_page().go(address)
        expect(page.get_by_text("Greedy: always the likeliest character")).to_be_visible()
        expect(page.get_by_role("link", name="at temperature 0.6").first).to_be_visible()
