"""Specs of layers and dropout: the allowed values, the refused ones, and that other specs stay as they were."""

from typing import Any

import pytest

from gatelab.errors import InvalidSpec
from gatelab.specs import JobSpec, Limits, ModelSpec, RunSpec, parse, resolved, shape_key
from gatelab.specs.engine_support import check_engine, trained_by_torch, why_not
from gatelab.sweeps import expand
from tests.layers.field_models import FIELDS, spec_of


def run_of(**model: Any) -> RunSpec:
    return parse(RunSpec, {"corpus": "x", "model": model})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"layers": 3, "sizes": [8, 4]}, "layers is 3, but sizes has 2; leave layers out, or write 2"),
        ({"cell": {"kind": "gru", "hidden": 5}, "sizes": [8, 4]}, "cell.hidden is 5, but sizes says .* last one's 4"),
        ({"sizes": []}, "model.sizes: must have at least 1 item"),
        ({"sizes": [8, 0]}, r"model.sizes.1: .* \(got 0\)"),
        ({"sizes": [8, 4], "connections": "residual"}, "residual needs .* layer 1 is 4 wide, and the one below it 8"),
        ({"sizes": [8, 8, 9], "connections": "highway"}, "highway needs .* layer 2 is 9 wide, and the one below it 8"),
        ({"tied": True}, "tied: needs an embedding, as input: {embedding: 32}; input is one_hot"),
        ({"tied": True, "input": {"embedding": 8}}, "the embedding is 8 wide, and the last layer.* 32"),
        ({"tied": True, "input": {"embedding": 8}, "sizes": [8, 9]}, "the embedding is 8 wide, and the last layer.* 9"),
        ({"norm": "batch"}, "model.norm: input should be 'none' or 'layer'"),
        ({"dropout": {"layer": 0.1}}, "model.dropout.layer: unknown field; did you mean 'model.dropout.layers'"),
        ({"dropout": {"zoneout": 1}}, r"model.dropout.zoneout: .*less than 1 \(got 1\)"),
        ({"dropout": [0.1]}, "model.dropout: input should be a valid number"),
        ({"initial_state": "random"}, "model.initial_state: input should be 'zero' or 'learned'"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_right(model: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpec, match=said.replace("{", r"\{").replace("}", r"\}")):
        parse(RunSpec, {"corpus": "x", "model": model})


@pytest.mark.parametrize("name", FIELDS)
def test_a_spec_comes_back_from_its_json(name: str) -> None:
    spec = spec_of(name)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
    assert spec.model_dump()["layers"] == len(spec.widths)
    assert spec.cell.hidden == spec.widths[-1]


def test_the_json_of_other_specs_stays_what_it_was() -> None:
    """Stored, compared and digested specs have no new field."""
    assert list(ModelSpec().model_dump(mode="json")) == ["cell", "layers", "input", "dropout", "init"]
    assert ModelSpec().model_dump(mode="json")["dropout"] == 0.0
    written_out = {"sizes": None, "connections": "plain", "norm": "none", "tied": False, "initial_state": "zero"}
    assert run_of(**written_out) == run_of()
    assert shape_key(run_of(**written_out)) == shape_key(run_of())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"sizes": [32, 32]}, {"layers": 2}),
        ({"sizes": [7]}, {"cell": {"kind": "gru", "hidden": 7}}),
        ({"dropout": {"layers": 0.5}}, {"dropout": 0.5}),
        ({"dropout": {}}, {}),
        ({"dropout": {"variational": True}}, {}),
        ({"dropout": {"zoneout": 0.5, "variational": True}}, {"dropout": {"zoneout": 0.5}}),
        ({"connections": "highway"}, {}),
    ],
)
def test_two_spellings_of_a_model_are_one_run(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert resolved(run_of(**one)) == resolved(run_of(**other))


def test_models_that_differ_are_different_runs() -> None:
    found = {resolved(run_of(**spec_of(name).model_dump(mode="json"))).model_dump_json() for name in FIELDS}
    assert len(found) == len(FIELDS)


def test_a_grid_may_vary_every_field() -> None:
    grid = {
        "model.sizes": [[8, 4], [8], None],
        "model.norm": ["none", "layer"],
        "model.dropout": [0.0, {"zoneout": 0.1}],
        "model.initial_state": ["zero", "learned"],
        "model.connections": ["plain"],
        "model.tied": [False],
    }
    runs = expand(parse(JobSpec, {"corpus": "x", "grid": grid}), 100)
    assert {run.model.widths for run in runs} == {(8, 4), (8,), (32,)}
    assert len(runs) == 24
    base = {"corpus": "x", "model": {"sizes": [9, 9, 9]}}
    found = expand(parse(JobSpec, {**base, "grid": {"model.sizes": [[8, 4], [8]], "training.seed": [0, 1]}}), 100)
    assert [run.model.widths for run in found] == [(8, 4), (8, 4), (8,), (8,)]


def test_limits_hold_for_every_layer() -> None:
    with pytest.raises(InvalidSpec, match=r"model.sizes.1: 65 exceeds this installation's limit of 64"):
        Limits(hidden=64).check(run_of(sizes=[64, 65, 1]))
    Limits(hidden=64).check(run_of(sizes=[64, 1]))
    with pytest.raises(InvalidSpec, match=r"model.sizes: 3 exceeds this installation's limit of 2"):
        Limits(layers=2).check(run_of(sizes=[4, 4, 4]))


def test_an_engine_by_name_is_held_to_what_it_has() -> None:
    for engine in ("auto", "torch"):
        check_engine(engine, spec_of("norm"))
    check_engine("native", spec_of("tied"))
    with pytest.raises(InvalidSpec, match=r"model.norm: the native engine.* set auto or torch"):
        check_engine("native", spec_of("norm"))
    with pytest.raises(InvalidSpec, match=r"model.dropout.zoneout: .*model.initial_state"):
        check_engine("native", spec_of("sizes and norm"))
    with pytest.raises(InvalidSpec, match=r"model.tied: the Triton engine"):
        check_engine("triton", spec_of("tied"))


def test_cells_with_means_are_no_matter_of_triton() -> None:
    cell = {"kind": "equations", "equations": "h' = tanh(W @ x + U @ h - mean(h))"}
    normalized = ModelSpec.model_validate({"cell": cell})
    for engine in ("auto", "torch", "native"):
        check_engine(engine, normalized)
    check_engine("triton", ModelSpec.model_validate({"cell": cell | {"equations": "h' = tanh(W @ x + U @ h)"}}))
    with pytest.raises(InvalidSpec, match=r"model.cell.equations: the Triton.* no code for mean.* auto or torch"):
        check_engine("triton", normalized)
    assert why_not("triton", normalized) == "the Triton engine has no code for cell.equations: mean"
    assert [why_not(part, normalized) for part in ("native", "decoder")] == [None, None]
    assert trained_by_torch([normalized]) is None


def test_a_plan_says_why_pytorch_trains() -> None:
    assert trained_by_torch([ModelSpec(), spec_of("tied")]) is None
    told = trained_by_torch([ModelSpec(), spec_of("norm"), spec_of("zoneout"), spec_of("norm")])
    assert told is not None
    assert told.startswith("PyTorch trains runs with norm: layer, dropout.zoneout: ")
