"""A user writes a cell, corrects it, chooses one, and compares it with a GRU and an LSTM."""

import re

import numpy as np
import pytest
import yaml
from playwright.sync_api import Locator, Page, Route, expect

from gatelab.client.api import Gatelab
from gatelab.equations.zoo import zoo
from tests.browser import keyboard
from tests.browser.conftest import Open
from tests.randomized import random, seed
from tests.service.installation import SPEC, TEXT

__all__ = ["random", "seed"]

OWN = """\
# A leaky state, and another one that it is written from.
scalar rate = 0.5
keep = sigmoid(W_k @ x + U_k @ h + b_k)
m' = keep * m + (1 - keep) * tanh(W_m @ x + U_m @ h + b_m)
h' = rate * tanh(U_h @ m' + b_h)
"""
EQUATIONS = zoo()["mgu"].equations


@pytest.fixture(autouse=True)
def text(installation: Gatelab) -> None:
    installation.add_corpus("cell-text", TEXT)


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Equations", exact=True)


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"{name} {zoo()[name].title}", exact=True)


def begun(page: Page) -> Page:
    """Wait for the GRU with which a first visit begins."""
    expect(editor(page)).to_have_value(zoo()["gru"].equations)
    expect(page.get_by_text("No mistake found.")).to_be_visible()
    return page


def test_a_mistake_is_shown_where_it_is_and_goes_when_it_is_mended(open_page: Open) -> None:
    window = open_page()
    page = begun(window.go("/cells"))
    editor(page).fill(OWN.replace("U_k @ h ", "U_k @ hh "))
    expect(page.get_by_text("line 3, column 32: hh is not defined; did you mean 'h'?")).to_be_visible()
    shown = page.get_by_label("The line with the mistake").inner_text()
    line, carets = shown.split("\n")
    assert line == "keep = sigmoid(W_k @ x + U_k @ hh + b_k)"
    assert (carets.index("^"), carets.strip()) == (line.index("hh"), "^^")
    expect(editor(page)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Compare it with GRU and LSTM")).to_be_disabled()
    window.shoot("cells-mistake")
    window.forgive("422")
    page.get_by_role("button", name="Select it").click()
    page.keyboard.type("h")
    expect(page.get_by_text("No mistake found.")).to_be_visible()
    expect(editor(page)).to_have_value(OWN)
    expect(editor(page)).to_have_attribute("aria-invalid", "false")
    expect(page.get_by_label("The line with the mistake")).to_have_count(0)


def test_what_equations_come_to_is_shown(open_page: Open) -> None:
    window = open_page()
    page = begun(window.go("/cells"))
    editor(page).fill(OWN)
    page.get_by_label("Hidden units").fill("10")
    page.get_by_label("Size of the input x").fill("4")
    typeset = page.get_by_role("region", name="Typeset equations").locator("math mtr")
    expect(typeset).to_have_count(3)
    assert typeset.first.evaluate("row => row.namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    row = page.get_by_role("row", name="rate")
    expect(row).to_contain_text("one number")
    expect(row).to_contain_text("0.5")
    expect(page.get_by_role("row", name="W_k")).to_contain_text("40")
    drawn = page.get_by_role("img", name="Data flow from h, m before the step to h', m' after it")
    expect(drawn).to_be_visible()
    for piece in ("keep", "h", "m", "h'", "m'", "Uk"):
        expect(drawn.get_by_text(piece, exact=True).first).to_be_visible()
    numbers = page.get_by_role("region", name="The equations, typeset").locator("dl")
    expect(numbers).to_contain_text("411")
    expect(numbers).to_contain_text("0.90")
    editor(page).fill("h' = relu(W @ x + U @ h)")
    expect(page.get_by_role("list", name="Advice")).to_contain_text("may grow exponentially")
    window.shoot("cells-advice")


def test_an_answer_to_an_older_text_is_not_shown(open_page: Open) -> None:
    window = open_page()
    page = begun(window.go("/cells"))
    asked: list[Route] = []

    def hold_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    page.route("**/v1/cells/check", hold_the_first)
    editor(page).fill("h' = tanh(W_old @ x)")
    page.wait_for_timeout(500)
    editor(page).fill(OWN)
    page.wait_for_timeout(500)
    assert len(asked) == 1, "one request at a time"
    asked[0].continue_()
    expect(page.get_by_role("row", name="W_k")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.get_by_role("row", name="W_old")).to_have_count(0)
    expect(page.get_by_text("No mistake found.")).to_be_visible()


def test_a_published_cell_is_chosen_and_ones_own_is_not_lost(open_page: Open) -> None:
    window = open_page()
    page = begun(window.go("/cells"))
    card(page, "mgu").click()
    expect(editor(page)).to_have_value(EQUATIONS)
    expect(page.get_by_label("Name in reports")).to_have_value("mgu")
    expect(page.get_by_role("row", name="W_f")).to_be_visible()
    editor(page).fill(OWN)
    expect(page.get_by_label("Name in reports")).to_have_value("my mgu")
    card(page, "lstm").click()
    asked = page.get_by_role("alertdialog")
    expect(asked).to_contain_text("lstm would replace them")
    expect(asked).to_be_focused()
    asked.get_by_role("button", name="Keep them").click()
    expect(editor(page)).to_have_value(OWN)
    page.reload()
    expect(editor(page)).to_have_value(OWN)
    assert page.url.endswith("/cells"), "and it is in no address"
    page.get_by_label("Search published cells").fill("xlstm")
    expect(page.get_by_role("button", name="slstm")).to_be_visible()
    expect(card(page, "mgu")).to_have_count(0)
    page.get_by_role("button", name="slstm").click()
    page.get_by_role("button", name="Replace my equations").click()
    expect(editor(page)).to_have_value(zoo()["slstm"].equations)
    expect(page.get_by_role("img", name="Data flow")).to_be_visible()


@pytest.mark.parametrize("number", [6, pytest.param(len(zoo()), marks=pytest.mark.long)])
def test_published_cells_can_be_drawn(number: int, open_page: Open, random: np.random.Generator) -> None:
    page = begun(open_page().go("/cells"))
    for name in random.choice(sorted(zoo()), number, replace=False):
        cell = zoo()[name]
        card(page, name).click()
        states = ", ".join(cell.representation.states)
        expect(page.get_by_role("img", name=f"Data flow from {states} before")).to_be_visible()
        expect(page.get_by_text("No mistake found.")).to_be_visible()
        last = cell.representation.parameters[-1].name
        expect(page.get_by_role("rowheader", name=last, exact=True)).to_be_visible()


def test_a_cell_is_trained_beside_gru_and_lstm_by_the_keyboard(open_page: Open, installation: Gatelab) -> None:
    window = open_page()
    page = begun(window.go("/cells"))
    keyboard.tab_to(page, editor(page))
    editor(page).fill(OWN)
    keyboard.write(page, page.get_by_label("Name in reports"), "leaky two")
    keyboard.write(page, page.get_by_label("Hidden units"), "6")
    expect(page.get_by_text("A comparison needs at least 5.")).to_be_visible()
    keyboard.press(page, page.get_by_role("link", name="Compare it with GRU and LSTM"))
    expect(page.get_by_text("gru hidden=6, lstm hidden=6, leaky two hidden=6")).to_be_visible()
    assert "equations" not in page.url
    page.get_by_label("Corpus").select_option("cell-text")
    page.get_by_label("Epochs").fill("1")
    page.get_by_role("button", name="Check").click()
    window.shoot("cells-beside")
    page.get_by_role("button", name="Start 15 runs").click()
    expect(page.get_by_role("heading", name="leaky-two-beside-gru-and-lstm")).to_be_visible()
    job = next(one for one in installation.jobs() if one.name == "leaky-two-beside-gru-and-lstm")
    assert job.runs.total == 15
    page.get_by_role("tab", name="Spec").click()
    spec = page.locator("pre")
    expect(spec).to_contain_text("equations: |")
    read = yaml.safe_load(spec.inner_text())
    assert read["grid"]["model.cell"][2] == {"kind": "equations", "name": "leaky two", "hidden": 6, "equations": OWN}
    assert read["repeats"] == 5
    page.goto(window.url)
    expect(page.get_by_text("cell: gru hidden=6, lstm hidden=6, leaky two hidden=6")).to_be_visible()
    assert installation.wait(job.id).state == "succeeded"


def test_equations_are_a_choice_of_the_form(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=cell-text")
    expect(page.get_by_label("Equations of the cell")).to_have_count(0)
    page.get_by_label("Cell", exact=True).select_option("mgu")
    expect(page.get_by_role("group", name="Gates")).to_have_count(0)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("button", name="Start the run")).to_be_visible()
    page.get_by_label("Cell", exact=True).select_option("equations")
    page.get_by_label("Equations of the cell").fill(OWN)
    page.get_by_label("Name of the cell in reports").fill("two states")
    page.get_by_role("tab", name="YAML").click()
    made = yaml.safe_load(page.get_by_label("The spec as YAML").input_value())
    assert made["model"]["cell"] == {"kind": "equations", "name": "two states", "hidden": 64, "equations": OWN}
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("button", name="Start the run")).to_be_visible()


def test_a_run_of_ones_own_shows_its_states_and_is_copied(open_page: Open, installation: Gatelab) -> None:
    cell = {"kind": "equations", "name": "two states", "hidden": 4, "equations": OWN}
    given = SPEC | {"name": "own-cell", "corpus": "cell-text", "model": {"cell": cell}}
    job = installation.submit(given).id
    assert installation.wait(job).state == "succeeded"
    [run] = installation.runs(job=job)
    page = open_page().go(f"/gates?run={run.id}&text=the+time")
    shown = page.get_by_label("Shown")
    expect(shown.get_by_role("option")).to_have_text(["keep gate", "hidden state", "state m"])
    shown.select_option("state m")
    expect(page.get_by_role("grid", name="state m: units down")).to_be_visible()
    page.goto(page.url.split("/gates")[0] + f"/runs/{run.id}")
    expect(page.get_by_text("two states cell")).to_be_visible()
    expect(page.locator("pre").last).to_contain_text("scalar rate = 0.5\n")
    page.goto(page.url.split("/runs")[0] + f"/submit?like={job}")
    expect(page.get_by_label("The spec as YAML")).to_have_value(re.compile("scalar rate = 0.5"))
    page.get_by_role("tab", name="Form").click()
    expect(page.get_by_label("Equations of the cell")).to_have_value(OWN)
    expect(page.get_by_label("Name of the cell in reports")).to_have_value("two states")
