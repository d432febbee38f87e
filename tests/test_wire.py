"""Every member of the union of events is handled wherever one of them is, in Python and on the page.

mypy (`assert_never`) and the page's compiler (`satisfies never`) report a forgotten member. These tests make sure that
each handler ends with them and names every member.
"""

import ast
import json
import math
import re
from pathlib import Path

import pytest

from gatelab.store import State
from gatelab.wire.evaluations import Evaluation, Summary
from gatelab.wire.events import TYPES, RunEvaluated, read_event
from gatelab.wire.runs import STATES

ROOT = Path(__file__).parents[1]
CLASSES = {event.__name__ for event in TYPES.values()}


def handlers() -> dict[str, set[str]]:
    """Function -> the members that its match statement names, of all that end in `assert_never`."""
    found: dict[str, set[str]] = {}
    for file in [*ROOT.glob("gatelab/**/*.py"), *ROOT.glob("worker/**/*.py"), *ROOT.glob("service/**/*.py")]:
        if "assert_never" not in (text := file.read_text(encoding="utf-8")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                named = {
                    ast.unparse(pattern.cls).rpartition(".")[2]
                    for pattern in ast.walk(node)
                    if isinstance(pattern, ast.MatchClass)
                }
                if len(named & CLASSES) > 1:
                    assert "assert_never" in ast.unparse(node), f"{file.name}: {node.name}"
                    found[f"{file.stem}.{node.name}"] = named
    return found


def test_every_handler_in_python_names_every_event() -> None:
    found = handlers()
    assert set(found) == {"progress._take", "watch._line"}
    for name, members in found.items():
        assert members == CLASSES, name


@pytest.mark.parametrize("file", ["lib/patch.ts", "views/run/Run.svelte"])
def test_every_handler_of_the_page_names_every_event(file: str) -> None:
    text = (ROOT / "service" / "web" / "src" / file).read_text(encoding="utf-8")
    [handler] = re.findall(r"switch \(event\.type\) \{(.*?)event satisfies never", text, re.DOTALL)
    assert set(re.findall(r'case "(\w+)":', handler)) == set(TYPES)


def test_the_page_listens_to_every_event_and_the_description_has_them_all() -> None:
    text = (ROOT / "service" / "web" / "src" / "lib" / "job.svelte.ts").read_text(encoding="utf-8")
    [listed] = re.findall(r"Object\.keys\(\{(.*?)\} satisfies Record<JobEvent\[\"type\"\], 0>\)", text, re.DOTALL)
    assert set(re.findall(r"(\w+): 0", listed)) == set(TYPES)
    described = json.loads((ROOT / "service" / "web" / "openapi.json").read_text(encoding="utf-8"))
    answer = described["paths"]["/v1/jobs/{job}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    schemas = described["components"]["schemas"]
    assert answer["schema"]["$ref"] == "#/components/schemas/JobMessage"
    assert schemas["JobMessage"]["properties"]["data"]["contentSchema"]["$ref"] == "#/components/schemas/JobEvent"
    assert set(schemas["JobEvent"]["discriminator"]["mapping"]) == set(TYPES)


def test_the_states_of_the_wire_are_those_of_the_store() -> None:
    assert set(STATES) == set(State)


def test_a_loss_beyond_all_perplexities_is_kept() -> None:
    summary = Summary(train_loss=1e6, validation_loss=math.inf, test_loss=2.0)
    assert (summary.train_loss, summary.train_perplexity) == (1e6, None)
    assert (summary.validation_loss, summary.validation_perplexity) == (None, None)
    assert summary.test_perplexity == math.exp(2.0)
    assert summary.stored() == {"train_loss": 1e6, "validation_loss": None, "test_loss": 2.0}
    assert Summary.model_validate(summary.stored()) == summary


def test_a_perplexity_of_an_earlier_version_is_shown_as_it_is() -> None:
    old = Summary.model_validate({"validation_perplexity": 7.5, "train_perplexity": None})
    assert (old.validation_perplexity, old.train_perplexity, old.train_loss) == (7.5, None, None)
    assert old.validation_loss == math.log(7.5)


def test_an_event_is_an_evaluation_and_stores_what_it_was_given() -> None:
    event = RunEvaluated(step=3, epoch=1, train_loss=2.5, total_steps=9)
    assert isinstance(event, Evaluation)
    assert event.stored() == {"step": 3, "epoch": 1, "train_loss": 2.5, "total_steps": 9}
    again = read_event("evaluation", "run-1", None, event.stored())
    assert again == event.model_copy(update={"run": "run-1"})
