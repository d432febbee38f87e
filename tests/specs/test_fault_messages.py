"""Every fault of a spec is refused, at the path where the user wrote it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.equations.zoo import zoo
from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import GenerateRequest, JobSpec, parse
from tests.randomized import examples
from tests.specs.faulty import job, refused

HUGE = 10**9
NOT_NUMBERS = (math.nan, math.inf, -math.inf)

OUT_OF_BOUNDS: dict[str, tuple[object, ...]] = {
    "corpus": ("", "a b", "-a", "a/b", "a\n", "é", "a" * 101, 3),
    "name": ("", ".hidden", "a" * 101),
    "repeats": (0, 10_001, *NOT_NUMBERS),
    "grid": ([], "x", {"training.seed": []}, {"training.seed": 3}),
    "model.layers": (0, 65),
    "model.dropout": (-0.1, 1, *NOT_NUMBERS),
    "model.input": ("onehot", 3, None, [1]),
    "model.input.embedding": (0, HUGE, "x", 1.5),
    "model.init": ("zero", 5, None),
    "model.init.normal": (0, -1, 11, *NOT_NUMBERS),
    "training.num_steps": (0, 10**7, 1.5, *NOT_NUMBERS),
    "training.batch_size": (0, 10**7),
    "training.windows.stride": (0, 10**7),
    "training.clip_norm": (0, -1, 1e10, *NOT_NUMBERS),
    "training.epochs": (0, 10**7),
    "training.seed": (-1, 2**53),
    "training.keep_checkpoints": (0, 1001),
    "training.sample.prefix": ("a" * 10_001, "a\0", "\ud800", 3),
    "training.sample.characters": (0, 10_001),
    "training.sample.temperature": (-0.1, 101, *NOT_NUMBERS),
}


@pytest.mark.parametrize(
    ("path", "value"),
    [(path, value) for path, values in OUT_OF_BOUNDS.items() for value in values],
    ids=lambda x: repr(x)[:40],
)
def test_a_value_out_of_bounds_is_refused_at_its_path(path: str, value: object) -> None:
    (problem,) = refused(job(path, value))
    # The message names the place inside a value, not only the value.
    assert problem.path == path or problem.path.startswith(path + ".")
    assert problem.message


CHOICES: dict[str, tuple[dict[str, object], dict[str, tuple[object, ...]]]] = {
    "model.cell": (
        {"kind": "gru"},
        {
            "hidden": (0, -1, HUGE, 1.5, None, *NOT_NUMBERS),
            "gates": (["reset", "reset"], "reset", None),
            "reset": ("x",),
        },
    ),
    "training.optimizer": (
        {"kind": "sgd", "lr": 1},
        {
            "lr": (0, -1, 1001, None, "fast", *NOT_NUMBERS),
            "momentum": (-0.1, 1, *NOT_NUMBERS),
            "weight_decay": (-1, 11, *NOT_NUMBERS),
        },
    ),
    "tokenizer": ({"kind": "char"}, {"normalize": ("upper", None, 3)}),
}


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [(path, field, value) for path, (_, fields) in CHOICES.items() for field in fields for value in fields[field]],
    ids=lambda x: repr(x)[:40],
)
def test_paths_inside_of_a_choice_hold_no_name_of_the_choice(path: str, field: str, value: object) -> None:
    (problem,) = refused(job(path, CHOICES[path][0] | {field: value}))
    assert problem.path == f"{path}.{field}"


@pytest.mark.parametrize("kind", ["adam", "adamw"])
@pytest.mark.parametrize(
    ("field", "value", "where"),
    [("betas", [0.9, 1], "betas.1"), ("betas", [-1, 0.9], "betas.0"), ("eps", 0, "eps"), ("lr", math.nan, "lr")],
)
def test_faults_of_adam_have_their_place(kind: str, field: str, value: object, where: str) -> None:
    (problem,) = refused(job("training.optimizer", {"kind": kind, field: value}))
    assert problem.path == f"training.optimizer.{where}"


# -- What is asked for does not exist -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "model.cell",
            {"kind": "gnu"},
            "unknown kind 'gnu'; use one of 'rnn', 'gru', 'lstm', 'equations', or one of "
            f"{len(zoo()) - 3} others such as 'sru'; did you mean 'gru'?",
        ),
        ("training.optimizer", {"kind": "lion"}, "unknown kind 'lion'; use one of 'sgd', 'rmsprop', 'adam', 'adamw'"),
        ("tokenizer", {"kind": "bits"}, "unknown kind 'bits'; use one of 'char', 'byte', 'bpe', 'unigram', 'words'"),
        ("model.cell", {"hidden": 3}, "the field 'kind' is required"),
        ("model.cell", "gru", "must be an object with fields"),
        ("model", None, "must be an object with fields"),
        ("training", [], "must be an object with fields"),
    ],
)
def test_what_can_be_chosen_is_named(path: str, value: object, message: str) -> None:
    assert refused(job(path, value)) == (Problem(path, message),)


@pytest.mark.parametrize(
    "where",
    ["", "model.", "training.", "training.windows.", "training.sample."],
)
def test_unknown_fields_are_refused_everywhere(where: str) -> None:
    assert refused(job(f"{where}colour", "red")) == (Problem(f"{where}colour", "unknown field"),)


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("model.cell", {"kind": "gru"}),
        ("model.cell", {"kind": "lstm"}),
        ("model.input", {"embedding": 3}),
        ("model.init", {"normal": 1}),
        ("training.optimizer", {"kind": "adam"}),
        ("tokenizer", {"kind": "byte"}),
    ],
)
def test_unknown_fields_are_refused_inside_of_a_choice(path: str, rest: dict[str, object]) -> None:
    assert refused(job(path, rest | {"colour": 1})) == (Problem(f"{path}.colour", "unknown field"),)


def test_fields_of_another_choice_are_unknown() -> None:
    assert refused(job("model.cell", {"kind": "lstm", "gates": ["reset"]})) == (
        Problem("model.cell.gates", "unknown field"),
    )


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("training.optimizer", {"kind": "sgd"}, "training.optimizer.lr"),
        ("model.input", {}, "model.input.embedding"),
        ("model.init", {}, "model.init.normal"),
    ],
)
def test_missing_fields_are_named(path: str, value: object, where: str) -> None:
    assert refused(job(path, value)) == (Problem(where, "this field is required"),)


@pytest.mark.parametrize("body", [None, 3, "x", [], [{"corpus": "x"}], True, b"{}"])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert refused(body) == (Problem("", f"must be an object with fields, not {type(body).__name__}"),)


# -- Fields that depend on each other -----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["train", "validation"])
def test_numbered_windows_need_both_numbers(given: str) -> None:
    (problem,) = refused(job("training.windows", {given: 10}))
    assert problem == Problem("training.windows", "give both train and validation, or leave both out")


@pytest.mark.parametrize("windows", [{"stride": 1}, {"stride": 31}])
def test_carried_state_needs_windows_that_adjoin(windows: dict[str, int]) -> None:
    (problem,) = refused({"corpus": "x", "training": {"carry_state": True, "num_steps": 32, "windows": windows}})
    assert problem.path == "training"
    assert "windows." in problem.message


@pytest.mark.parametrize("windows", [{}, {"stride": None}, {"stride": 32}, {"train": 3, "validation": 3}])
def test_carried_state_takes_the_stride_that_adjoins(windows: dict[str, int | None]) -> None:
    parse(JobSpec, {"corpus": "x", "training": {"carry_state": True, "num_steps": 32, "windows": windows}})


def test_all_faults_are_reported_at_once() -> None:
    faults = {
        "name": "a b",
        "colour": "red",
        "model": {"cell": {"kind": "gru", "hidden": 0, "gates": ["reset", "reset"]}, "dropout": 1},
        "training": {"optimizer": {"kind": "sgd", "lr": math.nan}, "epochs": 0, "windows": {"train": 1}},
    }
    assert {problem.path for problem in refused(faults)} == {
        "corpus",
        "name",
        "colour",
        "model.cell.hidden",
        "model.cell.gates",
        "model.dropout",
        "training.optimizer.lr",
        "training.epochs",
        "training.windows",
    }


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"stop": "x" * 1001}, Problem("stop", "must have at most 1000 characters, not 1001")),
        ({"stop": ["a", "x" * 1001]}, Problem("stop.1", "must have at most 1000 characters, not 1001")),
        ({"stop": [""]}, Problem("stop.0", "must have at least 1 character, not 0")),
        ({"stop": ["a"] * 65}, Problem("stop", "must have at most 64 items, not 65")),
        (
            {"logit_bias": dict.fromkeys(range(1025), 0)},
            Problem("logit_bias", "must have at most 1024 entries, not 1025"),
        ),
    ],
    ids=str,
)
def test_a_fault_of_length_says_what_is_counted_and_what_was_given(data: dict[str, object], problem: Problem) -> None:
    assert refused(data, GenerateRequest) == (problem,)


def test_a_fault_of_length_in_a_spec_says_what_is_counted_and_what_was_given() -> None:
    assert refused(job("name", "")) == (Problem("name", "must have at least 1 character, not 0"),)
    assert refused(job("name", "a" * 101)) == (Problem("name", "must have at most 100 characters, not 101"),)
    assert refused(job("grid", {"training.seed": []})) == (
        Problem("grid.training.seed", "must have at least 1 item, not 0"),
    )
    assert refused(job("training.sample.prefix", "a" * 10_001)) == (
        Problem("training.sample.prefix", "must have at most 10000 characters, not 10001"),
    )


# -- Anything at all ----------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
known_fields = st.sampled_from(["corpus", "tokenizer", "model", "training", "grid", "repeats", "name", "x"])


def faults_in(kind: type[JobSpec] | type[GenerateRequest], data: object) -> tuple[Problem, ...]:
    """The faults of `data`; none if it is valid, and then it can be stored as JSON."""
    try:
        json.dumps(parse(kind, data).model_dump(mode="json"), allow_nan=False)
    except InvalidSpec as refusal:
        return refusal.problems
    return ()


@examples(150)
@given(data=anything | st.dictionaries(known_fields, anything))
def test_no_input_does_worse_than_be_refused(data: object) -> None:
    for problem in faults_in(JobSpec, data):
        assert problem.message


@examples(150)
@given(data=st.dictionaries(st.sampled_from(["prompt", "stop", "seed", "checkpoint", "top_p", "max_tokens"]), anything))
def test_faults_of_a_generate_request_are_at_fields_that_it_has(data: dict[str, object]) -> None:
    assert {problem.path.split(".")[0] for problem in faults_in(GenerateRequest, data)} <= data.keys()
