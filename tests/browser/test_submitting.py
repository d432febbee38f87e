"""A spec as a form and as YAML: the page names the path of a fault, and shows the costs before it submits."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec
from tests.browser.conftest import Open
from tests.service.installation import TEXT

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))

YAML = """\
name: from-yaml
corpus: yaml-text
model:
  cell: {kind: gru, hidden: 4}
training: {epochs: 1, num_steps: 16, batch_size: 16, sample: null}
grid:
  model.cell.gates: [[reset, update], [reset], []]
"""


@pytest.fixture(autouse=True)
def text(installation: Gatelab) -> None:
    installation.add_corpus("yaml-text", TEXT)


def jobs(installation: Gatelab) -> int:
    return sum(job.name == "from-yaml" for job in installation.jobs())


def test_yaml_is_checked_before_it_is_sent(open_page: Open, installation: Gatelab) -> None:
    window = open_page()
    page = window.go("/submit")
    page.get_by_role("tab", name="YAML").click()
    page.get_by_label("The spec as YAML").fill(YAML.replace("[reset], []", "[forget], []"))
    page.get_by_role("button", name="Check").click()
    trouble = page.get_by_role("alert")
    expect(trouble).to_contain_text("grid.model.cell.gates")
    expect(trouble).to_contain_text("reset")
    window.forgive("422")
    page.get_by_label("The spec as YAML").fill(YAML)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("region", name="What the job would cost")).to_contain_text("3")
    assert jobs(installation) == 0, "nothing is queued yet"
    page.get_by_label("The spec as YAML").fill(YAML + "repeats: 2\n")
    expect(page.get_by_role("button", name="Start")).to_have_count(0)
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Start 6 runs").click()
    expect(page.get_by_role("heading", name="from-yaml")).to_be_visible()
    assert jobs(installation) == 1


def test_what_is_no_yaml_is_told_with_its_line(open_page: Open) -> None:
    page = open_page().go("/submit")
    page.get_by_role("tab", name="YAML").click()
    page.get_by_label("The spec as YAML").fill("name: [unfinished\ncorpus: x")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("line 2")


def test_the_form_becomes_yaml(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=yaml-text")
    page.get_by_label("Hidden units").fill("7")
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_label("The spec as YAML")).to_have_value(
        "name: job\ncorpus: yaml-text\ntokenizer:\n  kind: char\n  normalize: letters\n"
        "model:\n  cell:\n    kind: gru\n    hidden: 7\n    gates: [reset, update]\n  layers: 1\n"
        "training:\n  num_steps: 32\n  batch_size: 64\n  optimizer:\n    kind: adam\n    lr: 0.01\n"
        '  epochs: 10\n  seed: 0\n  sample:\n    prefix: ""\nrepeats: 1\n'
    )


def test_a_text_that_is_no_utf_8_is_refused_in_words(open_page: Open) -> None:
    window = open_page()
    page = window.go("/corpora")
    page.get_by_label("A UTF-8 text file").set_input_files(
        {"name": "bad.txt", "mimeType": "text/plain", "buffer": b"\xff\xfe"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("must be UTF-8 text")
    window.forgive("422")


def spec_in(page: Page) -> dict[str, Any]:
    """The text of the YAML tab."""
    page.get_by_role("tab", name="YAML").click()
    read: dict[str, Any] = yaml.safe_load(page.get_by_label("The spec as YAML").input_value())
    return read


def test_every_example_can_be_the_start_on_the_corpus_that_is_chosen(open_page: Open) -> None:
    window = open_page()
    for example in EXAMPLES:
        check_start(window.go("/submit?corpus=yaml-text"), example)


def check_start(page: Page, example: Path) -> None:
    """Check that the form shows an example, if it has fields for all of it, and that the job equals the file's."""
    page.get_by_label("Start from").select_option(example.stem)
    given = yaml.safe_load(example.read_text(encoding="utf-8"))
    expect(page.get_by_text(f"Its corpus is {given['corpus']}")).to_contain_text("yaml-text stays chosen")
    made = spec_in(page)
    assert made["corpus"] == "yaml-text"
    assert JobSpec.model_validate(made) == JobSpec.model_validate(given | {"corpus": "yaml-text"})
    page.get_by_role("tab", name="Form").click()
    if page.get_by_role("status").filter(has_text="no fields for all").count() == 0:
        expect(page.get_by_label("Name", exact=True)).to_have_value(example.stem)
        expect(page.get_by_label("Epochs")).to_have_value(str(given["training"]["epochs"]))


def test_the_books_model_fills_the_form_and_can_be_changed_there(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=yaml-text")
    page.get_by_label("Start from").select_option("gru-scratch")
    for label, value in {
        "Hidden units": "32",
        "Learning rate": "4",
        "Windows per batch": "1024",
        "Repeats": "20",
    }.items():
        expect(page.get_by_label(label)).to_have_value(value)
    expect(page.get_by_label("Optimizer")).to_have_value("sgd")
    # A rarely used field that has a value is not folded away.
    for label, value in {
        "Standard deviation of initial weights": "0.01",
        "For training": "10000",
        "For validation": "5000",
    }.items():
        expect(page.get_by_label(label, exact=True)).to_be_visible()
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    page.get_by_label("Reset gate acts").select_option("after")
    page.get_by_label("Maximum norm of the gradient").fill("")
    page.get_by_label("Precision").select_option("bf16")
    changed = spec_in(page)
    assert changed["model"]["cell"] == {"kind": "gru", "hidden": 32, "gates": ["reset", "update"], "reset": "after"}
    assert changed["training"]["clip_norm"] is None
    assert changed["training"]["precision"] == "bf16"
    page.get_by_role("tab", name="Form").click()
    page.get_by_label("Start from").select_option(label="a small GRU")
    expect(page.get_by_label("Hidden units")).to_have_value("64")
    assert "windows" not in spec_in(page)["training"]


def test_layers_and_dropout_are_in_the_form(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=yaml-text")
    page.get_by_text("Advanced:").click()
    page.get_by_label("Units of each layer").fill("16, 8")
    page.get_by_label("Normalize the input of layers and head").check()
    page.get_by_label("Learn the initial state").check()
    page.get_by_label("Dropout after every layer").fill("0.2")
    page.get_by_label("Zoneout of the states").fill("0.1")
    model = spec_in(page)["model"]
    assert (model["sizes"], model["norm"], model["initial_state"]) == ([16, 8], "layer", "learned")
    assert model["dropout"] == {"layers": 0.2, "zoneout": 0.1}
    page.get_by_role("tab", name="Form").click()
    page.get_by_role("button", name="Check").click()
    cost = page.get_by_role("region", name="What the job would cost")
    expect(cost).to_contain_text("PyTorch trains runs with sizes, norm: layer")


def test_what_is_written_as_yaml_comes_back_to_the_form(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=yaml-text")
    page.get_by_role("tab", name="YAML").click()
    page.get_by_label("The spec as YAML").fill(YAML)
    page.get_by_role("tab", name="Form").click()
    expect(page.get_by_label("Hidden units")).to_have_value("4")
    expect(page.get_by_label("Values, separated by commas")).to_have_value("[reset, update], [reset], []")
    page.get_by_role("tab", name="YAML").click()
    page.get_by_label("The spec as YAML").fill(YAML + "surprise: 1\n")
    page.get_by_role("tab", name="Form").click()
    expect(page.get_by_role("status")).to_contain_text("no fields for all")
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_label("The spec as YAML")).to_have_value(YAML + "surprise: 1\n")


HIDDEN_BY_HEADER = (
    """field => document.querySelector("header").getBoundingClientRect().bottom > field.getBoundingClientRect().top"""
)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_field_that_is_not_valid_is_seen(phone: bool, open_page: Open) -> None:
    page = open_page(phone=phone).go("/submit?corpus=yaml-text")
    field = page.get_by_label("Hidden units")
    page.get_by_text("Advanced:").click()
    field.fill("")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.get_by_role("button", name="Check").click()
    expect(field).to_be_focused()
    assert not field.evaluate(HIDDEN_BY_HEADER)
    # The same if it is inside the window, but below the header.
    field.evaluate("field => scrollBy(0, field.getBoundingClientRect().top - 10)")
    assert field.evaluate(HIDDEN_BY_HEADER)
    field.evaluate("field => { field.blur(); field.form.requestSubmit(); }")
    expect(field).to_be_focused()
    assert not field.evaluate(HIDDEN_BY_HEADER)


def test_a_field_that_is_not_valid_is_unfolded(open_page: Open) -> None:
    page = open_page().go("/submit?corpus=yaml-text")
    fold, field = page.get_by_text("Advanced:"), page.get_by_label("Latest checkpoints to keep")
    fold.click()
    field.fill("0")
    fold.click()
    expect(field).not_to_be_visible()
    page.get_by_role("button", name="Check").click()
    expect(field).to_be_focused()


def test_a_corpus_that_is_not_there_is_told_with_those_that_are(open_page: Open) -> None:
    window = open_page()
    page = window.go("/submit?corpus=lost")
    expect(page.get_by_role("alert")).to_contain_text("There is no corpus “lost” here.")
    expect(page.get_by_role("alert")).to_contain_text("yaml-text")
    page.get_by_role("tab", name="YAML").click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Corpora here:")).to_contain_text("yaml-text")
    window.forgive("40")
    page.get_by_role("tab", name="Form").click()
    page.get_by_label("Corpus").select_option("yaml-text")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("region", name="What the job would cost")).to_be_visible()
