"""Which runs may train as one pack, and which may not."""

import json
from typing import Any

import pytest

from gatelab.specs import JobSpec, RunSpec, parse, shape_key
from gatelab.sweeps import expand

BASE: dict[str, Any] = {
    "corpus": "text",
    "model": {"cell": {"kind": "gru", "hidden": 8}},
    "training": {"optimizer": {"kind": "adam", "lr": 0.01}, "batch_size": 16, "num_steps": 8},
}

OWN: dict[str, list[Any]] = {
    "model.init": ["default", {"normal": 0.01}, {"normal": 0.1}],
    "training.seed": [0, 1],
    "training.clip_norm": [1.0, 0.5, None],
    "training.epochs": [1, 2],
    "training.stop": [{}, {"patience": 2}, {"max_steps": 5}],
    "training.evaluate_every": [{"epochs": 1}, {"steps": 7}],
    "training.keep_checkpoints": [1, 2],
    "training.keep_best": [False, True],
    "training.gate_statistics": [False, True],
    "training.sample": [None, {"prefix": "a"}],
    "training.optimizer": [
        {"kind": "adam", "lr": 0.1},
        {"kind": "adam", "betas": [0.5, 0.9]},
        {"kind": "adam", "eps": 1e-6},
        {"kind": "adam", "schedule": {"kind": "cosine", "warmup": 3}},
    ],
}
SHARED: dict[str, list[Any]] = {
    "tokenizer": [{"kind": "char"}, {"kind": "char", "normalize": "letters"}, {"kind": "byte"}],
    "model.cell": [{"kind": "gru", "hidden": 8}, {"kind": "gru", "hidden": 9}, {"kind": "gru", "gates": []}],
    "model.layers": [1, 2],
    "model.dropout": [0, 0.1],
    "model.input": ["one_hot", {"embedding": 4}],
    "training.batch_size": [16, 17],
    "training.num_steps": [8, 9],
    "training.carry_state": [False, True],
    "training.precision": ["fp32", "bf16"],
    "training.windows": [{}, {"stride": 2}, {"train": 10, "validation": 5}],
    "training.optimizer": [{"kind": "adam"}, {"kind": "adamw"}, {"kind": "sgd", "lr": 1}],
}


def shapes(path: str, values: list[Any]) -> set[str]:
    return {shape_key(run) for run in expand(parse(JobSpec, BASE | {"grid": {path: values}}), 100)}


@pytest.mark.parametrize("path", OWN)
def test_what_is_each_run_s_own_is_no_matter_of_its_shape(path: str) -> None:
    assert len(shapes(path, OWN[path])) == 1


@pytest.mark.parametrize("path", SHARED)
def test_what_one_computation_needs_in_common_is(path: str) -> None:
    assert len(shapes(path, SHARED[path])) == len(SHARED[path])


def test_every_field_is_one_or_the_other() -> None:
    spec = parse(RunSpec, BASE).model_dump()
    fields = {f"{part}.{name}" for part in ("model", "training") for name in spec[part]}
    assert fields | {"tokenizer"} == OWN.keys() | SHARED.keys()


def test_a_shape_outlives_a_way_through_a_database_and_a_process() -> None:
    spec = parse(RunSpec, BASE)
    stored = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
    assert shape_key(RunSpec.model_validate_json(stored)) == shape_key(spec)
    assert shape_key(spec.model_copy(update={"corpus": "corpus_123"})) == shape_key(spec), "a name and an id may be one"
