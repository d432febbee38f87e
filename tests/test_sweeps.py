"""The runs of a job."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import JobSpec, RunSpec, parse
from gatelab.specs.fault_messages import MOST_HINTS
from gatelab.sweeps import expand, in_grid, numbered
from tests.randomized import examples

LIMIT = 1000

VALUES: dict[str, list[Any]] = {
    "model.layers": [1, 2, 3],
    "model.cell.hidden": [1, 8, 64],
    "model.cell.gates": [[], ["reset"], ["update"], ["reset", "update"]],
    "model.input": ["one_hot", {"embedding": 3}],
    "training.optimizer.lr": [0.1, 0.2],
    "training.clip_norm": [None, 1.0],
    "training.windows": [{"stride": 1}, {"train": 5, "validation": 6}],
    "training.seed": [7, 100, 5],
    "tokenizer": [{"kind": "byte"}, {"kind": "char", "normalize": "letters"}],
    "corpus": ["wells", "verne", {"train": "verne", "validation": "wells"}],
}

grids = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4).flatmap(
    lambda paths: st.fixed_dictionaries(
        {path: st.lists(st.sampled_from(VALUES[path]), min_size=1, max_size=3) for path in paths}
    )
)


def job(**fields: Any) -> JobSpec:
    return parse(JobSpec, {"corpus": "wells"} | fields)


def at(run: RunSpec, path: str) -> Any:
    """The value of a run at a dotted path, as JSON."""
    value: Any = run.model_dump(mode="json")
    for key in path.split("."):
        value = value[key]
    return value


def problems(spec: JobSpec, limit: int = LIMIT) -> list[Problem]:
    with pytest.raises(InvalidSpec) as refused:
        expand(spec, limit)
    return list(refused.value.problems)


def test_a_job_without_a_grid_is_one_run() -> None:
    spec = job(model={"layers": 2}, training={"epochs": 3})
    assert expand(spec, 1) == [spec.base()]


def test_the_last_path_changes_fastest_and_repeats_faster_still() -> None:
    grid = {"model.layers": [2, 1], "model.cell.hidden": [4, 8]}
    runs = expand(job(grid=grid, repeats=2, training={"seed": 10}), LIMIT)
    found = [(run.model.layers, run.model.cell.hidden, run.training.seed) for run in runs]
    assert found == [(layers, hidden, seed) for layers in (2, 1) for hidden in (4, 8) for seed in (10, 11)]


def test_repeats_count_on_from_the_seed_that_the_grid_sets() -> None:
    runs = expand(job(grid={"training.seed": [5, 100]}, repeats=3), LIMIT)
    assert [run.training.seed for run in runs] == [5, 6, 7, 100, 101, 102]


@examples(200)
@given(grid=grids, repeats=st.integers(1, 3), seed=st.integers(0, 2**52))
def test_runs_are_the_product_in_order_each_once(grid: dict[str, list[Any]], repeats: int, seed: int) -> None:
    spec = job(grid=grid, repeats=repeats, training={"seed": seed})
    runs = numbered(spec, LIMIT)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    wanted: dict[str, int] = {}
    for index in range(len(points) * repeats):
        point, repeat = points[index // repeats], index % repeats
        seeded = point | {"training.seed": point.get("training.seed", seed) + repeat}
        wanted.setdefault(json.dumps(seeded, sort_keys=True), index)
    assert list(runs) == list(wanted.values())
    for index, run in runs.items():
        point, repeat = points[index // repeats], index % repeats
        assert run.training.seed == point.get("training.seed", seed) + repeat
        for path in set(point) - {"training.seed"}:
            assert _without_defaults(at(run, path), point[path]) == point[path]
    assert numbered(spec, LIMIT) == runs, "the order is stable"
    assert expand(spec, LIMIT) == list(runs.values())


@examples(50)
@given(grid=grids)
def test_what_the_grid_does_not_name_stays(grid: dict[str, list[Any]]) -> None:
    spec = job(grid=grid, model={"dropout": 0.25}, training={"epochs": 3, "optimizer": {"kind": "sgd", "lr": 1}})
    untouched = {"model.dropout", "training.epochs", "training.optimizer.kind", "training.batch_size"}
    for run, path in itertools.product(expand(spec, LIMIT), untouched):
        assert at(run, path) == at(spec.base(), path)


def _without_defaults(found: Any, given: Any) -> Any:
    """The fields of an object that were given."""
    return {name: found[name] for name in given} if isinstance(given, dict) else found


def test_a_spec_comes_back_as_it_was_written_in_the_database() -> None:
    for run in expand(job(grid=VALUES), 20_000)[::97]:
        assert RunSpec.model_validate(run.model_dump(mode="json")) == run


SPELLINGS: dict[str, tuple[Any, ...]] = {
    "training.optimizer.lr": (0.1, "1e-1", "0.10", 0.1),
    "training.clip_norm": (1, 1.0, "1"),
    "training.optimizer.momentum": (0, -0.0, "0.0"),
    "training.windows.stride": (32, None),
    "training.windows": ({}, {"stride": 32}, {"stride": None, "train": None}),
    "training.sample": ({}, {"characters": 50, "prefix": ""}),
    "model.cell.gates": (["update", "reset"], ["reset", "update"]),
    "model.cell": (
        {"kind": "gru"},
        {"kind": "gru", "hidden": 32},
        {"kind": "gru", "gates": ["update", "reset"]},
        {"reset": "before", "kind": "gru"},
    ),
    "model.input": ({"embedding": 8}, {"embedding": 8}),
    "tokenizer": ({"kind": "char"}, {"kind": "char", "normalize": "none"}),
}
"""Path -> ways to write one value of it."""


@examples(300)
@given(data=st.data(), repeats=st.integers(1, 3))
def test_any_spelling_of_a_value_is_one_run(data: st.DataObject, repeats: int) -> None:
    paths = data.draw(st.lists(st.sampled_from(sorted(SPELLINGS)), unique=True, min_size=1, max_size=3))
    paths = [path for path in paths if not any(path.startswith(other + ".") for other in paths)]
    grid = {path: data.draw(st.lists(st.sampled_from(SPELLINGS[path]), min_size=1, max_size=4)) for path in paths}
    runs = numbered(job(training={"optimizer": {"kind": "sgd", "lr": 1}}, grid=grid, repeats=repeats), LIMIT)
    assert list(runs) == list(range(repeats))
    assert [run.training.seed for run in runs.values()] == list(range(repeats))


def test_a_field_that_nothing_reads_makes_no_second_run() -> None:
    grid = {"model.cell.gates": [["update"], ["reset"]], "model.cell.reset": ["before", "after"]}
    found = [(run.model.cell.gates, run.model.cell.reset) for run in expand(job(grid=grid), LIMIT)]  # type: ignore[union-attr]
    assert found == [(("update",), "before"), (("reset",), "before"), (("reset",), "after")]


def test_seeds_that_meet_are_trained_once() -> None:
    runs = numbered(job(grid={"training.seed": [0, 1]}, repeats=2), LIMIT)
    assert {index: run.training.seed for index, run in runs.items()} == {0: 0, 1: 1, 3: 2}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_path_inside_another_is_refused_and_both_are_named(turn: int) -> None:
    grid = {"model.cell": [{"kind": "gru"}, {"kind": "lstm"}], "model.cell.hidden": [32, 64]}
    [found] = problems(job(grid=dict(list(grid.items())[::turn])))
    assert found.path == "grid.model.cell.hidden"
    assert found.message.startswith("is inside model.cell, also in the grid; put")


def test_the_beginning_of_a_name_is_no_path() -> None:
    assert len(expand(job(grid={"training.epochs": [1], "model.cell.kind": ["gru"], "model.layers": [1]}), LIMIT)) == 1


def test_seeds_end_where_json_is_no_longer_exact() -> None:
    assert expand(job(training={"seed": 2**53 - 2}, repeats=2), LIMIT)[1].training.seed == 2**53 - 1
    message = f"must be at most {2**53 - 3} with 3 repeats (got {2**53 - 2})"
    assert problems(job(training={"seed": 2**53 - 2}, repeats=3)) == [Problem("training.seed", message)]
    grid = {"training.seed": [2**53 - 2]}
    assert problems(job(grid=grid, repeats=3)) == [Problem("grid.training.seed", message)]


def test_a_grid_has_bounded_paths() -> None:
    assert problems(job(grid={f"model.{n}": [1] for n in range(101)})) == [
        Problem("grid", "has 101 paths; at most 100 are allowed")
    ]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "modle.layers",
            1,
            "there is no field 'modle' here; use one of corpus, model, start, tokenizer, training;"
            " did you mean 'model.layers'?",
        ),
        (
            "model.cell.gaits",
            [],
            "there is no field 'gaits' here; use one of gates, hidden, kind, reset; did you mean 'model.cell.gates'?",
        ),
        (
            "lr",
            1,
            "there is no field 'lr' here; use one of corpus, model, start, tokenizer, training;"
            " did you mean 'training.optimizer.lr'?",
        ),
        ("x" * 200, 1, f"there is no field '{'x' * 200}' here; use one of corpus, model, start, tokenizer, training"),
        ("model.layers.zeroth", 1, "there is no field 'zeroth' here; nothing below it can be set"),
        ("corpus.train", "verne", "there is no field 'train' here; nothing below it can be set"),
        ("grid", {}, "there is no field 'grid' here; use one of corpus, model, start, tokenizer, training"),
        ("repeats", 2, "there is no field 'repeats' here; use one of corpus, model, start, tokenizer, training"),
        ("", 1, "there is no field '' here; use one of corpus, model, start, tokenizer, training"),
        ("model.", 1, "there is no field '' here; use one of cell, dropout, init, input, layers"),
        ("model.layers", 0, "input should be greater than or equal to 1 (got 0)"),
    ],
)
def test_a_path_or_value_that_is_not_allowed_is_named(path: str, value: Any, message: str) -> None:
    assert problems(job(grid={path: [value]})) == [Problem(f"grid.{path}", message)]


def test_the_fields_of_another_kind_are_not_there() -> None:
    [found] = problems(job(model={"cell": {"kind": "lstm"}}, grid={"model.cell.gates": [[]]}))
    assert found == Problem("grid.model.cell.gates", "there is no field 'gates' here; use one of hidden, kind")


def test_a_fault_inside_a_value_of_the_grid_is_named_below_it() -> None:
    cells = [{"kind": "rnn", "hidden": 0}, {"kind": "gru", "peepholes": True}]
    paths = [problem.path for problem in problems(job(grid={"model.cell": cells}))]
    assert paths == ["grid.model.cell.hidden", "grid.model.cell.peepholes"]


def test_a_grid_of_faults_is_compared_with_what_there_is_a_few_times_only() -> None:
    cells = [{"kind": "gru", f"hidden{number}": 8} for number in range(1000)]
    found = problems(job(grid={"model.cell": cells}))
    assert len(found) == 1000
    assert sum("did you mean" in problem.message for problem in found) == MOST_HINTS


def test_every_fault_is_told_once() -> None:
    grid = {"model.layers": [1, 0, 2, -1], "model.cell.hidden": [4, 0, 8]}
    found = problems(job(grid=grid))
    assert len(found) == len(set(found)) == 3
    assert {problem.path for problem in found} == {"grid.model.layers", "grid.model.cell.hidden"}


def test_faults_that_only_values_together_make_are_found() -> None:
    spec = job(training={"carry_state": True}, grid={"training.num_steps": [8], "training.windows.stride": [8, 4]})
    [found] = problems(spec)
    assert "carry_state needs windows.stride equal to num_steps" in found.message


@pytest.mark.parametrize(("values", "repeats"), [(3, 1), (1, 3), (2, 2), (1, 10_000)])
def test_too_many_runs_are_refused(values: int, repeats: int) -> None:
    spec = job(grid={"training.seed": [repeats * value for value in range(values)]}, repeats=repeats)
    total = values * repeats
    assert len(expand(spec, total)) == total
    assert problems(spec, total - 1) == [
        Problem("grid", f"{total} runs exceed this installation's limit of {total - 1} per job")
    ]


def test_a_grid_of_astronomical_size_is_refused_without_being_built() -> None:
    spec = job(grid={f"path{n}": [0] * 10_000 for n in range(100)}, repeats=10_000)
    [found] = problems(spec)
    assert (found.path, found.message.partition(" exceed")[0]) == ("grid", f"more than {2**53 - 1} runs")


def test_a_fault_has_the_path_that_the_user_wrote() -> None:
    faults = [Problem(path, "") for path in ("model.cell", "model.cell.hidden", "model.cells", "model", "training")]
    found = [problem.path for problem in in_grid(faults, ["model.cell", "tokenizer"])]
    assert found == ["grid.model.cell", "grid.model.cell.hidden", "model.cells", "model", "training"]
