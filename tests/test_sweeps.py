"""From one job to its runs."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import JobSpec, RunSpec, parse
from gatelab.sweeps import expand, in_grid
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
def test_runs_are_the_product_in_order(grid: dict[str, list[Any]], repeats: int, seed: int) -> None:
    spec = job(grid=grid, repeats=repeats, training={"seed": seed})
    runs = expand(spec, LIMIT)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    assert len(runs) == len(points) * repeats == math.prod(map(len, grid.values())) * repeats
    for index, run in enumerate(runs):
        point, repeat = points[index // repeats], index % repeats
        assert run.training.seed == point.get("training.seed", seed) + repeat
        for path in set(point) - {"training.seed"}:
            assert _without_defaults(at(run, path), point[path]) == point[path]
    assert expand(spec, LIMIT) == runs, "the order is stable"


@examples(50)
@given(grid=grids)
def test_what_the_grid_does_not_name_stays(grid: dict[str, list[Any]]) -> None:
    spec = job(grid=grid, model={"dropout": 0.25}, training={"epochs": 3, "optimizer": {"kind": "sgd", "lr": 1}})
    untouched = {"model.dropout", "training.epochs", "training.optimizer.kind", "training.batch_size", "corpus"}
    for run, path in itertools.product(expand(spec, LIMIT), untouched):
        assert at(run, path) == at(spec.base(), path)


def _without_defaults(found: Any, given: Any) -> Any:
    """Of an object, the fields that were given."""
    return {name: found[name] for name in given} if isinstance(given, dict) else found


def test_a_spec_comes_back_as_it_was_written_in_the_database() -> None:
    for run in expand(job(grid=VALUES), 10_000)[::97]:
        assert RunSpec.model_validate(run.model_dump(mode="json")) == run


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("modle.layers", 1, "there is no field 'modle' here; use one of model, tokenizer, training"),
        ("model.cell.gaits", [], "there is no field 'gaits' here; use one of gates, hidden, kind, reset"),
        ("model.layers.first", 1, "there is no field 'first' here; nothing below it can be set"),
        ("corpus", "verne", "there is no field 'corpus' here; use one of model, tokenizer, training"),
        ("grid", {}, "there is no field 'grid' here; use one of model, tokenizer, training"),
        ("repeats", 2, "there is no field 'repeats' here; use one of model, tokenizer, training"),
        ("", 1, "there is no field '' here; use one of model, tokenizer, training"),
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
    spec = job(grid={"training.seed": list(range(values))}, repeats=repeats)
    total = values * repeats
    assert len(expand(spec, total)) == total
    assert problems(spec, total - 1) == [
        Problem("grid", f"{total} runs are over this installation's limit of {total - 1} a job")
    ]


def test_a_grid_of_astronomical_size_is_refused_without_being_built() -> None:
    spec = job(grid={f"path{n}": [0] * 100 for n in range(50)})
    [found] = problems(spec)
    assert (found.path, str(100**50) in found.message) == ("grid", True)


def test_a_fault_has_the_path_that_the_user_wrote() -> None:
    faults = [Problem(path, "") for path in ("model.cell", "model.cell.hidden", "model.cells", "model", "training")]
    found = [problem.path for problem in in_grid(faults, ["model.cell", "tokenizer"])]
    assert found == ["grid.model.cell", "grid.model.cell.hidden", "model.cells", "model", "training"]
