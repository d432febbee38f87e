"""A spec as YAML: what is wrong is told by its path, what it costs is told before it is sent."""

import pytest
from playwright.sync_api import expect

from client.api import Gatelab
from tests.browser.conftest import Open
from tests.service.installation import TEXT

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
        "  epochs: 10\n  seed: 0\n  sample:\n    prefix: it has\nrepeats: 1\n"
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
