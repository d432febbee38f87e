"""POST /v1/runs/{id}/gates and /recall on the wire."""

import io
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.errors import Overloaded
from gatelab.gates import Clamps, across_units, influence, recall, trace
from gatelab.network import Network
from gatelab.specs import ClampSpec, Limits, RecallSpec
from gatelab.text.memory_tasks import line_length
from gatelab.text.tokenizers import BEGIN
from tests.rounding import assert_rounded
from tests.service.conftest import Trained
from tests.service.installation import LIMITS, Installation, problem, spec
from tests.service.installation import client as client_of

TEXT = "the time ☃ was"
STEPS = len(TEXT) + 1


def ask(trained: Trained, **body: Any) -> Any:
    answer = trained.service.client.post(trained.path("/gates"), json={"text": TEXT} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def checkpoint(trained: Trained) -> Checkpoint:
    return Checkpoint.from_bytes(trained.service.store.checkpoints.get(trained.run["id"]).data)


def test_the_answer_is_the_library_s_trace(trained: Trained, checkpoint: Checkpoint) -> None:
    network = Network.of(checkpoint)
    ids = np.append(BEGIN, checkpoint.tokenizer.encode(TEXT).ids).astype(np.int64)
    clamp = ClampSpec(gate="update", at=(3, 4), value=1)
    clamps = Clamps([clamp], network.layers, STEPS)
    expected = trace(network, ids, clamps)
    answer = ask(trained, clamp=[clamp.model_dump()], influence={"output": 8})
    assert answer["checkpoint"] == trained.run["step"]
    assert answer["tokens"] == ["<bos>", *"the time ", "<unk>", *" was"]
    assert answer["unknown_characters"] == 1
    [layer], [found] = answer["layers"], expected.layers
    assert (layer["layer"], layer["units"], layer["cell"]) == (0, list(range(6)), None)
    for name, values in {**found.gates, "hidden": found.state["hidden"]}.items():
        told = layer["hidden"] if name == "hidden" else layer["gates"][name]
        assert np.array_equal(np.array(told, dtype=np.float32), values), "no digit is lost"
        statistics = across_units(values)
        across = layer["statistics"][name]
        # The answer is in single precision.
        assert_rounded(across["mean"], statistics.mean.tolist(), terms=1, dtype=torch.float32)
        assert_rounded(across["quantiles"]["0.95"], statistics.quantiles[4].tolist(), terms=1, dtype=torch.float32)
    assert layer["gates"]["update"][3:5] == [[1.0] * 6] * 2
    assert layer["statistics"]["update"]["near_one"][3:5] == [1.0, 1.0]
    assert layer["statistics"]["hidden"].keys() == {"mean", "quantiles"}
    told = {token["id"]: token["probability"] for token in answer["next"]}
    assert [told[id] for id in range(len(told))] == pytest.approx(expected.next.tolist())
    assert sorted(told.values(), reverse=True) == list(told.values())
    exact = influence(network, ids, 8, clamps)
    assert answer["influence"]["output"] == 8
    assert [entry["norm"] for entry in answer["influence"]["inputs"]] == exact.norms.tolist()
    assert [entry["at"] for entry in answer["influence"]["inputs"]] == list(range(9))
    assert answer["influence"]["initial_state"] == exact.initial_state
    assert answer["influence"]["memory_length"] == exact.memory_length


def test_an_older_checkpoint_can_be_asked(trained: Trained) -> None:
    first, latest = ask(trained, checkpoint=1), ask(trained)
    assert first["checkpoint"] == 1
    assert first["layers"] != latest["layers"]


def test_an_empty_text_is_its_beginning(trained: Trained) -> None:
    answer = ask(trained, text="", influence={"output": 0})
    assert answer["tokens"] == ["<bos>"]
    assert len(answer["layers"][0]["hidden"]) == 1
    assert answer["influence"]["inputs"][0]["norm"] > 0


def test_a_clamp_changes_what_follows(trained: Trained) -> None:
    free, held = ask(trained), ask(trained, clamp=[{"gate": "reset", "at": [5], "value": 0}])
    assert free["layers"][0]["hidden"][:5] == held["layers"][0]["hidden"][:5]
    assert free["layers"][0]["hidden"][5:] != held["layers"][0]["hidden"][5:]
    assert free["next"] != held["next"]


def test_the_exercise_over_http(trained: Trained) -> None:
    """With z = r = 0 at step 4 and z = 1 after it, only the input of step 4 counts."""
    clamp = [
        {"gate": "update", "at": [4], "value": 0},
        {"gate": "reset", "at": [4], "value": 0},
        {"gate": "update", "at": list(range(5, STEPS)), "value": 1},
    ]
    found = ask(trained, clamp=clamp, influence={"output": STEPS - 1, "inputs": [14, 4, 3, 0]})["influence"]
    assert [(entry["at"], entry["token"], entry["norm"] > 0) for entry in found["inputs"]] == [
        (14, "s", False),
        (4, " ", True),
        (3, "e", False),
        (0, "<bos>", False),
    ]
    assert found["initial_state"] == 0


def test_units_and_statistics_alone(trained: Trained) -> None:
    part = ask(trained, units=[5, 0])["layers"][0]
    whole = ask(trained)["layers"][0]
    assert part["units"] == [5, 0]
    assert part["hidden"] == [[row[5], row[0]] for row in whole["hidden"]]
    brief = ask(trained, values=False)["layers"][0]
    assert (brief["gates"], brief["hidden"]) == (None, None)
    assert brief["statistics"] == whole["statistics"]


@pytest.mark.parametrize("how", ["accept", "format"])
def test_arrays_come_as_npz(how: str, trained: Trained) -> None:
    body: dict[str, Any] = {"text": TEXT, "influence": {"output": 3, "inputs": [0, 3, 5]}}
    headers = {"Accept": "application/x-npz"} if how == "accept" else {}
    answer = trained.service.client.post(
        trained.path("/gates"), json=body | ({"format": "npz"} if how == "format" else {}), headers=headers
    )
    assert answer.headers["content-type"] == "application/x-npz"
    expected = ask(trained, influence=body["influence"])
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as arrays:
        found = dict(arrays)
    layer = expected["layers"][0]
    assert found["tokens"].tolist() == expected["tokens"]
    assert found["layer0.units"].tolist() == layer["units"]
    for name, told in (("gates.update", layer["gates"]["update"]), ("hidden", layer["hidden"])):
        assert found[f"layer0.{name}"].dtype == np.float32
        assert np.array_equal(found[f"layer0.{name}"], np.array(told, dtype=np.float32))
    assert found["layer0.statistics.reset.quantiles"].shape == (5, STEPS)
    assert found["influence.at"].tolist() == [0, 3, 5]
    assert found["influence.norm"].tolist() == [entry["norm"] for entry in expected["influence"]["inputs"]]
    assert found["influence.norm"][2] == 0, "what is read later has no influence"
    assert sorted(found["next"].tolist()) == sorted(token["probability"] for token in expected["next"])


def test_the_answer_is_as_the_schema_says(trained: Trained) -> None:
    openapi = trained.service.get("/openapi.json")
    content = openapi["paths"]["/v1/runs/{run}/gates"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "application/x-npz"}
    schema = content["application/json"]["schema"] | {"components": openapi["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    for body in ({}, {"values": False}, {"influence": {"output": 2}}):
        validator.validate(ask(trained, **body))


def test_every_cell_is_answered(service: Installation) -> None:
    service.add_corpus()
    cells = [{"kind": "lstm", "hidden": 4}, {"kind": "rnn", "hidden": 4}, {"kind": "gru", "hidden": 4, "gates": []}]
    body = spec(epochs=1) | {"model": {"layers": 2}, "grid": {"model.cell": cells}}
    job = service.submit(body)["id"]
    service.work()
    for run, names in zip(service.runs(job), ({"input", "forget", "output"}, set(), set()), strict=True):
        answer = service.client.post(f"/v1/runs/{run['id']}/gates", json={"text": "time", "influence": {"output": 4}})
        assert answer.status_code == 200, answer.text
        for layer in answer.json()["layers"]:
            assert layer["gates"].keys() == names
            assert len(layer["hidden"]) == 5
            assert (layer["cell"] is not None) == (len(names) == 3)


FAULTS = [
    ({}, "text"),
    ({"text": 1}, "text"),
    ({"text": "a" * (LIMITS.prompt_characters + 1)}, "text"),
    ({"text": "abc", "layers": [0, 1]}, "layers.1"),
    ({"text": "abc", "units": [6]}, "units.0"),
    ({"text": "abc", "units": []}, "units"),
    ({"text": "abc", "clamp": [{"gate": "forget", "value": 1}]}, "clamp.0.gate"),
    ({"text": "abc", "clamp": [{"gate": "update", "value": 1, "at": [4]}]}, "clamp.0.at.0"),
    ({"text": "abc", "clamp": [{"gate": "update", "value": 1.5}]}, "clamp.0.value"),
    ({"text": "abc", "clamp": [{"gate": "update"}]}, "clamp.0.value"),
    ({"text": "abc", "influence": {"output": 4}}, "influence.output"),
    ({"text": "abc", "influence": {"output": 3, "inputs": [9]}}, "influence.inputs.0"),
    ({"text": "abc", "influence": {"output": 3, "layer": 1}}, "influence.layer"),
    ({"text": "abc", "influence": {}}, "influence.output"),
    ({"text": "abc", "format": "pickle"}, "format"),
    ({"text": "abc", "checkpoint": "first"}, "checkpoint"),
]


@pytest.mark.parametrize(("body", "path"), FAULTS, ids=[path for _, path in FAULTS])
def test_a_fault_is_named_with_its_path(body: dict[str, Any], path: str, trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/gates"), json=body)
    assert path in [fault["path"] for fault in problem(answer, 422, "invalid-request")["problems"]]


@pytest.mark.parametrize(
    ("limits", "body", "path", "message"),
    [
        ({"gate_values": 200}, {}, "text", "1 layers x 15 steps x 6 units x 3 gates and states are 270 numbers"),
        ({"influence_work": 20_000}, {"influence": {"output": 14}}, "influence.output", "at most 20000 are allowed"),
    ],
)
def test_what_is_too_much_is_refused_and_less_is_answered(
    limits: dict[str, int], body: dict[str, Any], path: str, message: str, trained: Trained
) -> None:
    tight = LIMITS.model_copy(update=limits)
    settings = trained.service.settings.model_copy(update={"limits": tight})
    with client_of(settings) as client:
        refused = client.post(trained.path("/gates"), json={"text": TEXT} | body)
        [fault] = problem(refused, 422, "invalid-request")["problems"]
        assert fault["path"] == path
        assert message in fault["message"]
        less = {"units": [1, 2]} if path == "text" else {"influence": {"output": 2}}
        assert client.post(trained.path("/gates"), json={"text": TEXT} | less).status_code == 200


def test_a_run_that_is_not_there_or_has_no_checkpoint(service: Installation) -> None:
    service.add_corpus()
    job = service.submit()["id"]
    [run] = service.runs(job)
    for act, body in (("gates", {"text": "a"}), ("recall", {"task": {"kind": "recall", "lag": 1}})):
        problem(service.client.post(f"/v1/runs/nobody/{act}", json=body), 404, "not-found")
        problem(service.client.post(f"/v1/runs/{run['id']}/{act}", json=body), 409, "no-checkpoint")


def test_a_memory_task_from_its_corpus_to_what_is_remembered(
    service: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = RecallSpec(kind="recall", lag=3, symbols=3, examples=60)
    data = {"name": "memory", "synthetic": task.model_dump()}
    assert service.client.post("/v1/corpora", json=data).status_code == 201
    assert service.client.post("/v1/corpora", json=data).status_code == 200, "it is the same text again"
    body = spec(num_steps=line_length(task), epochs=2, sample=None) | {"corpus": "memory"}
    job = service.submit(body)["id"]
    service.work()
    [run] = service.runs(job)
    asked = {"task": task.model_dump(), "examples": 50}
    answer = service.client.post(f"/v1/runs/{run['id']}/recall", json=asked).json()
    checkpoint = Checkpoint.from_bytes(service.store.checkpoints.get(run["id"]).data)
    expected = recall(Network.of(checkpoint), checkpoint.tokenizer, task, 50)
    assert answer == {
        "checkpoint": run["step"],
        "accuracy": expected.accuracy,
        "loss": expected.loss,
        "chance": expected.chance,
        "symbols": 50,
    }
    monkeypatch.setattr("service.gates.routes.still_wanted", nobody_reads_this)
    problem(service.client.post(f"/v1/runs/{run['id']}/recall", json=asked), 429, "overloaded")


@pytest.mark.parametrize(
    ("synthetic", "path"),
    [
        ({"kind": "recall"}, "synthetic.lag"),
        ({"kind": "recall", "lag": -1}, "synthetic.lag"),
        ({"kind": "recall", "lag": 1, "examples": 15}, "synthetic.examples"),
        ({"kind": "recall", "lag": 1, "symbols": 27}, "synthetic.symbols"),
        ({"kind": "recall", "lag": 1, "width": 2}, "synthetic.width"),
        ({"kind": "adding", "lag": 1}, "synthetic"),
        (7, "synthetic"),
    ],
)
def test_a_task_that_cannot_be_made_is_refused(synthetic: Any, path: str, service: Installation) -> None:
    answer = service.client.post("/v1/corpora", json={"name": "memory", "synthetic": synthetic})
    assert [fault["path"] for fault in problem(answer, 422, "invalid-request")["problems"]] == [path]


def test_a_text_that_would_be_too_long_is_not_made(service: Installation) -> None:
    body = {"name": "memory", "synthetic": {"kind": "recall", "lag": 100_000, "examples": 10_000_000}}
    problem(service.client.post("/v1/corpora", json=body), 413, "too-large")


def test_what_is_asked_for_may_be_too_much_to_recall(trained: Trained) -> None:
    body = {"task": {"kind": "recall", "lag": 100_000}, "examples": 1000}
    answer = trained.service.client.post(trained.path("/recall"), json=body)
    [fault] = problem(answer, 422, "invalid-request")["problems"]
    assert fault["path"] == "examples"
    assert str(Limits().recall_characters) in fault["message"]


def test_a_run_of_another_text_is_not_asked_to_recall(trained: Trained) -> None:
    answer = trained.service.client.post(trained.path("/recall"), json={"task": {"kind": "recall", "lag": 1}})
    [fault] = problem(answer, 422, "invalid-request")["problems"]
    assert fault["path"] == "task"


def nobody_reads_this() -> None:
    raise Overloaded("the client has gone")


def test_a_trace_asks_whether_its_client_is_there(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.gates.routes.still_wanted", nobody_reads_this)
    problem(trained.service.client.post(trained.path("/gates"), json={"text": TEXT}), 429, "overloaded")
