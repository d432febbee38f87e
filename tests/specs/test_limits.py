"""Limits of an installation name every path that is over them."""

import pytest

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import Limits, RunSpec, parse

LIMITS = Limits(hidden=10, layers=2, embedding=8, batch_size=5, num_steps=6, epochs=3)

AT_THE_LIMIT = {
    "model.cell.hidden": 10,
    "model.layers": 2,
    "model.input.embedding": 8,
    "training.batch_size": 5,
    "training.num_steps": 6,
    "training.epochs": 3,
}


def run(values: dict[str, int]) -> RunSpec:
    of = {path.rsplit(".", 1)[-1]: value for path, value in values.items()}
    model = {
        "cell": {"kind": "lstm", "hidden": of["hidden"]},
        "layers": of["layers"],
        "input": {"embedding": of["embedding"]},
    }
    training = {name: of[name] for name in ("batch_size", "num_steps", "epochs")}
    return parse(RunSpec, {"corpus": "x", "model": model, "training": training})


def over(values: dict[str, int]) -> list[Problem]:
    with pytest.raises(InvalidSpec) as refusal:
        LIMITS.check(run(values))
    return list(refusal.value.problems)


def test_a_run_at_every_limit_is_allowed() -> None:
    LIMITS.check(run(AT_THE_LIMIT))


@pytest.mark.parametrize("path", AT_THE_LIMIT)
def test_one_more_is_refused_at_its_path(path: str) -> None:
    limit = AT_THE_LIMIT[path]
    message = f"{limit + 1} exceeds this installation's limit of {limit}"
    assert over(AT_THE_LIMIT | {path: limit + 1}) == [Problem(path, message)]


def test_everything_over_is_named_at_once() -> None:
    assert [problem.path for problem in over({path: limit + 1 for path, limit in AT_THE_LIMIT.items()})] == [
        *AT_THE_LIMIT
    ]


def test_one_hot_input_has_no_embedding_to_limit() -> None:
    Limits(embedding=1).check(RunSpec(corpus="x"))
