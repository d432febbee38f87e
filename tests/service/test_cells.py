"""A user's own cell is trained, compared, held and exported over HTTP, just from its text."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatelab.equations.zoo import zoo
from tests.service.installation import Installation, installation, problem, spec

OWN = """
# Two states, one of which is read after it has been written; a vector, a scalar, a gate without an input.
vector decay = 0.5
scalar strength = 1
write = sigmoid(W_w @ x + U_w @ h + b_w)
keep = hard_sigmoid(U_k @ h + b_k)
m' = keep * m + write * tanh(W_m @ x + U_m @ (decay * h) + b_m)
h' = strength * tanh(U_h @ m' + b_h) + max(0.1 * h, -1)
"""
CELLS = [{"kind": "gru"}, {"kind": "mgu", "hidden": 9}, {"kind": "equations", "name": "mine", "equations": OWN}]


@dataclass(frozen=True)
class Compared:
    """A job that has trained three cells for a comparison."""

    service: Installation
    job: str
    runs: list[Any]

    @property
    def own(self) -> Any:
        return self.runs[2]

    def post(self, end: str, **body: Any) -> Any:
        answer = self.service.client.post(f"/v1/runs/{self.own['id']}/{end}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    with installation(tmp_path_factory.mktemp("cells")) as service:
        service.add_corpus()
        job = service.submit(spec() | {"grid": {"model.cell": CELLS}})["id"]
        service.work()
        yield Compared(service, job, sorted(service.runs(job), key=lambda run: run["index"]))


# -- From its text to what it writes ------------------------------------------------------------------------------


def test_all_cells_of_a_grid_are_trained(compared: Compared) -> None:
    assert [run["state"] for run in compared.runs] == ["succeeded"] * 3
    assert [run["spec"]["model"]["cell"]["kind"] for run in compared.runs] == ["gru", "equations", "equations"]
    assert compared.runs[1]["spec"]["model"]["cell"] == {
        "kind": "equations",
        "name": "mgu",
        "hidden": 9,
        "equations": zoo()["mgu"].equations,
    }
    assert compared.own["spec"]["model"]["cell"]["equations"] == OWN


def test_a_report_calls_cells_by_their_names(compared: Compared) -> None:
    report = compared.service.get(f"/v1/jobs/{compared.job}/report")
    labels = [variant["label"] for variant in report["variants"]]
    assert labels == ["gru", "mgu hidden=9", "mine hidden=32"]


def test_it_writes_and_judges_texts(compared: Compared) -> None:
    written = compared.post("generate", prompt="the", max_tokens=20)
    assert len(written["text"]) == 20
    [scored] = compared.post("score", texts=["the time"])["data"]
    assert math.isfinite(scored["loss"])


def test_its_gates_can_be_seen_and_held(compared: Compared) -> None:
    answer = compared.post("gates", text="the time", clamp=[{"gate": "write", "value": 0}], influence={"output": 4})
    [layer] = answer["layers"]
    assert set(layer["gates"]) == {"write", "keep"}
    assert {value for row in layer["gates"]["write"] for value in row} == {0.0}
    assert [state["name"] for state in layer["states"]] == ["m"]
    assert layer["cell"] is None
    # If nothing is written to the state, no input has any influence.
    assert {each["norm"] for each in answer["influence"]["inputs"]} == {0.0}


def test_a_gate_that_it_has_not_is_named_beside_its_own(compared: Compared) -> None:
    body = {"text": "the", "clamp": [{"gate": "reset", "value": 0}]}
    answer = compared.service.client.post(f"/v1/runs/{compared.own['id']}/gates", json=body)
    assert "its gates are write, keep" in problem(answer, 422, "invalid-request")["problems"][0]["message"]


@pytest.mark.parametrize("format", ["safetensors", "numpy", pytest.param("onnx", marks=pytest.mark.long)])
def test_it_can_be_exported(format: str, compared: Compared) -> None:
    answer = compared.service.client.get(f"/v1/runs/{compared.own['id']}/export?format={format}")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) > 1000


def test_equal_equations_are_one_variant(service: Installation) -> None:
    service.add_corpus()
    spaced = "# the same\n" + OWN.replace(" * ", "*")
    twice = [{"kind": "equations", "equations": OWN}, {"kind": "equations", "name": "other", "equations": spaced}]
    submitted = service.submit(spec() | {"grid": {"model.cell": twice}})
    assert len(service.runs(submitted["id"])) == 1


def test_a_mistake_is_shown_where_it_is(http: TestClient, service: Installation) -> None:
    service.add_corpus()
    cell = {"kind": "equations", "equations": OWN.replace("U_k @ h", "U_k @ hh")}
    answer = http.post("/v1/jobs", json=spec() | {"model": {"cell": cell}})
    [found] = problem(answer, 422, "invalid-spec")["problems"]
    assert found["path"] == "model.cell.equations"
    assert found["message"].startswith("line 6, column 27: hh is not defined")
    assert found["message"].splitlines()[-1].strip() == "^^"


# -- What a cell comes to ------------------------------------------------------------------------------------------


def test_what_equations_come_to(http: TestClient) -> None:
    answer = http.post("/v1/cells/check", json={"equations": OWN, "hidden": 10, "inputs": 4})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["states"], found["gates"], found["stages"]) == (["h", "m"], ["write", "keep"], 2)
    shapes = {each["name"]: (each["shape"], each["count"], each["initial"]) for each in found["parameters"]}
    assert shapes["W_w"] == (["inputs", "hidden"], 40, None)
    assert shapes["U_w"] == (["hidden", "hidden"], 100, None)
    assert shapes["decay"] == (["hidden"], 10, 0.5)
    assert shapes["strength"] == ([], 1, 1.0)
    assert found["parameter_count"] == sum(count for _, count, _ in shapes.values())
    # Two products with the input and four recurrent ones, where a GRU has three of each.
    assert found["flops"] == 2 * 10 * (4 * 10 + 2 * 4)
    assert found["beside_gru"] == pytest.approx((4 * 10 + 2 * 4) / (3 * 10 + 3 * 4))
    assert found["latex"][-1].startswith("h_{t} = ")
    assert found["mathml"].startswith("<math ")
    assert [found["nodes"][place]["op"] for place in found["after"]] == ["+", "+"]


def test_published_cells_are_listed(http: TestClient) -> None:
    listed = {cell["name"]: cell for cell in http.get("/v1/cells").json()["data"]}
    assert listed.keys() == zoo().keys()
    assert listed["mgu"]["gates"] == ["forget"]
    for cell in listed.values():
        checked = http.post("/v1/cells/check", json={"equations": cell["equations"]})
        assert checked.status_code == 200, checked.text


HOSTILE = {
    "deep": "h' = " + "(" * 5000 + "W @ x" + ")" * 4999,
    "long": "h' = W @ x" + " + h" * 2400,
    "longer": "h' = W @ x " * 1_500,
    "lines": "\n" * 9_000 + "h' = W @ x",
    "products": "\n".join(f"a{n} = W_{n} @ x" for n in range(150)),
    "number": f"h' = {'9' * 400} * W @ x",
    "infinite": "h' = 1e999 * (W @ x)",
    "look-alike": "h' = t\N{CYRILLIC SMALL LETTER A}nh(W @ x)",
    "right-to-left": "h' = W @ x \N{RIGHT-TO-LEFT OVERRIDE}",
    "keyword": "h' = __import__('os')",
    "attribute": "h' = W @ x.__class__",
    "cycle": "a = c\nc = a\nh' = a + W @ x",
    "nothing": "# h' = W @ x",
    "carets": "h' = W ^^^^ x",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_text_gets_a_short_answer(name: str, http: TestClient) -> None:
    answer = http.post("/v1/cells/check", json={"equations": HOSTILE[name]})
    [found] = problem(answer, 422, "invalid-request")["problems"]
    assert found["path"] == "equations"
    assert len(found["message"]) < 500


@pytest.mark.parametrize("name", ["delete", "class", "operator", "int32_t", "main", "nullptr", "self", "lambda"])
def test_words_of_other_languages_are_names_here(name: str, http: TestClient) -> None:
    equations = f"vector {name}\nh' = tanh(W @ x + {name} * h)"
    assert http.post("/v1/cells/check", json={"equations": equations}).status_code == 200
