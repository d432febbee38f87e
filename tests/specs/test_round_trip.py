"""A spec is the same in Python, JSON and YAML, and is immutable."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from gatelab.specs import (
    AdamSpec,
    AdamWSpec,
    CellSpec,
    EmbeddingSpec,
    GenerateRequest,
    GruSpec,
    JobSpec,
    LstmSpec,
    ModelSpec,
    RnnSpec,
    RunSpec,
    Sampling,
    SgdSpec,
    TrainingSpec,
    parse,
    yaml_reader,
)
from tests.randomized import examples

BOOK = """
name: gate-ablation
corpus: time-machine
tokenizer: {kind: char, normalize: letters}
model:
  cell: {kind: gru, hidden: 32, gates: [reset, update], reset: before}
  layers: 1
  input: one_hot
  dropout: 0.0
  init: {normal: 0.01}
training:
  num_steps: 32
  batch_size: 1024
  windows: {stride: 1, train: 10000, validation: 5000}
  optimizer: {kind: sgd, lr: 4}
  clip_norm: 1.0
  epochs: 50
  seed: 0
  sample: {prefix: "it has", characters: 20}
grid:
  model.cell.gates: [[reset, update], [reset], [update], []]
repeats: 5
"""

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
positive = st.floats(1e-12, 1)
betas = st.tuples(st.floats(0, 0.999), st.floats(0, 0.999))
optimizers = st.one_of(
    st.builds(SgdSpec, kind=st.just("sgd"), lr=positive, momentum=st.floats(0, 0.99), weight_decay=positive),
    st.builds(AdamSpec, kind=st.just("adam"), lr=positive, betas=betas, eps=positive),
    st.builds(AdamWSpec, kind=st.just("adamw"), lr=positive, betas=betas, eps=positive, weight_decay=positive),
)
gates = st.sampled_from([(), ("reset",), ("update",), ("reset", "update"), ("update", "reset")])
hidden = st.integers(1, 65536)
cells: st.SearchStrategy[CellSpec] = st.one_of(
    st.builds(RnnSpec, kind=st.just("rnn"), hidden=hidden, activation=st.sampled_from(["tanh", "relu"])),
    st.builds(GruSpec, kind=st.just("gru"), hidden=hidden, gates=gates, reset=st.sampled_from(["before", "after"])),
    st.builds(LstmSpec, kind=st.just("lstm"), hidden=hidden),
)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """The data of jobs with every field set."""
    return {
        "name": draw(names),
        "corpus": draw(names),
        "tokenizer": draw(st.sampled_from([{"kind": "byte"}, {"kind": "char", "normalize": "letters"}])),
        "model": {
            "cell": draw(cells).model_dump(),
            "layers": draw(st.integers(1, 64)),
            "input": draw(st.just("one_hot") | st.builds(dict, embedding=hidden)),
            "dropout": draw(st.floats(0, 0.999)),
            "init": draw(st.just("default") | st.builds(dict, normal=positive)),
        },
        "training": {
            "num_steps": draw(st.integers(1, 10**6)),
            "batch_size": draw(st.integers(1, 10**6)),
            "windows": draw(st.sampled_from([{}, {"stride": 3}, {"train": 5, "validation": 2}])),
            "carry_state": False,
            "optimizer": draw(optimizers).model_dump(),
            "clip_norm": draw(st.none() | positive),
            "epochs": draw(st.integers(1, 10**6)),
            "seed": draw(st.integers(0, 2**53 - 1)),
            "sample": draw(
                st.none() | st.builds(dict, prefix=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
            ),
            "keep_checkpoints": draw(st.integers(1, 1000)),
            "keep_best": draw(st.booleans()),
        },
        "grid": draw(st.dictionaries(names, st.lists(st.integers() | positive | st.text(), min_size=1))),
        "repeats": draw(st.integers(1, 10_000)),
    }


@examples(150)
@given(data=jobs())
def test_a_job_survives_json(data: dict[str, Any]) -> None:
    spec = parse(JobSpec, data)
    stored = spec.model_dump(mode="json")
    assert json.loads(spec.model_dump_json()) == stored
    assert parse(JobSpec, json.loads(json.dumps(stored))) == spec
    assert parse(JobSpec, stored).model_dump(mode="json") == stored


@examples(100)
@given(data=jobs())
def test_a_run_keeps_what_its_job_says(data: dict[str, Any]) -> None:
    job = parse(JobSpec, data)
    run = job.base()
    assert type(run) is RunSpec
    assert run == parse(RunSpec, {name: data[name] for name in RunSpec.model_fields if name in data})
    assert parse(RunSpec, run.model_dump(mode="json")) == run


def test_the_books_job_in_yaml_is_the_job_in_python() -> None:
    from_yaml = parse(JobSpec, yaml_reader.load(BOOK))
    assert from_yaml == parse(JobSpec, json.loads(json.dumps(yaml_reader.load(BOOK))))
    assert from_yaml.model.cell == GruSpec(kind="gru", hidden=32, gates=("reset", "update"), reset="before")
    assert from_yaml.training.optimizer == SgdSpec(kind="sgd", lr=4.0)
    assert from_yaml.grid == {"model.cell.gates": [["reset", "update"], ["reset"], ["update"], []]}
    assert yaml_reader.load(yaml_reader.dump(from_yaml.model_dump(mode="json"))) == from_yaml.model_dump(mode="json")


@pytest.mark.parametrize("rate", [1e-3, "1e-3"])
def test_a_number_that_yaml_1_1_takes_for_a_word_is_a_number(rate: float | str) -> None:
    optimizer = {"kind": "adam", "lr": rate}
    assert parse(TrainingSpec, {"optimizer": optimizer}).optimizer == AdamSpec(kind="adam", lr=0.001)


# -- What a spec is -----------------------------------------------------------------------------------------------


def test_the_order_of_gates_does_not_matter() -> None:
    assert GruSpec(kind="gru", gates=("update", "reset")) == GruSpec(kind="gru", gates=("reset", "update"))


def test_a_spec_is_frozen_and_can_be_a_key() -> None:
    run = RunSpec(corpus="x")
    with pytest.raises(ValidationError, match="frozen"):
        run.corpus = "y"  # type: ignore[misc]
    assert {run: 1}[RunSpec(corpus="x")] == 1


def test_the_defaults_are_those_of_the_design() -> None:
    run = RunSpec(corpus="x")
    assert run.model == ModelSpec(cell=GruSpec(kind="gru", hidden=32), input="one_hot", dropout=0.0, init="default")
    assert (run.training.windows.stride, run.training.windows.train, run.training.carry_state) == (None, None, False)


def test_input_can_be_an_embedding() -> None:
    assert parse(ModelSpec, {"input": {"embedding": 64}}).input == EmbeddingSpec(embedding=64)


@pytest.mark.parametrize(("stop", "stops"), [(None, ()), ("end", ("end",)), (["a", "b"], ("a", "b")), ([], ())])
def test_stop_is_one_string_or_many(stop: object, stops: tuple[str, ...]) -> None:
    assert parse(Sampling, {"stop": stop}).stop == stops


@pytest.mark.parametrize("checkpoint", ["latest", "best", 0, 17])
def test_a_checkpoint_is_a_step_or_the_latest_or_best(checkpoint: object) -> None:
    assert parse(GenerateRequest, {"checkpoint": checkpoint}).checkpoint == checkpoint


# -- For others ---------------------------------------------------------------------------------------------------


def test_the_json_schema_describes_jobs() -> None:
    schema = JobSpec.model_json_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(yaml_reader.load(BOOK))
    assert not validator.is_valid({"corpus": "x", "colour": "red"})
    assert not validator.is_valid({"corpus": "x", "model": {"cell": {"kind": "gnu"}}})


def test_specs_need_neither_torch_nor_numpy() -> None:
    heavy = "sorted({'torch', 'numpy', 'sqlalchemy', 'fastapi', 'celery'} & sys.modules.keys())"
    program = f"import sys, gatelab.specs, gatelab.errors; print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
