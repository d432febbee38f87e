"""The contestants of a benchmark compute the same."""

import pytest

from benchmarks.training.contestants import PEERS, Disagreement, Task, build, check, contestants, engines
from benchmarks.training.shapes import CELLS, Shape, flops_per_token
from gatelab.text.tokenizers import Ids

SHAPES = (Shape(hidden=7, batch=5, steps=4), Shape(hidden=6, batch=3, steps=5, layers=2))
IN_TORCH = ("gru, reset after", "rnn, tanh", "lstm")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_all_contestants_compute_the_same(cell: str, shape: Shape) -> None:
    task = Task(CELLS[cell], shape)
    steps = contestants(task)
    assert set(steps) == {*engines(), *(PEERS if cell in IN_TORCH else PEERS[:1])}
    check(steps, task)


@pytest.mark.parametrize(
    ("cell", "other"), [("gru, reset before", "gru, reset after"), ("gru, reset gate only", "rnn, tanh")]
)
def test_a_contestant_that_computes_something_else_is_refused(cell: str, other: str) -> None:
    task, impostor = (Task(CELLS[name], SHAPES[0]) for name in (cell, other))
    step = build(impostor, "textbook")
    assert step
    with pytest.raises(Disagreement, match="textbook"):
        check(contestants(task) | {"textbook": step}, task)


def test_a_contestant_without_updates_is_refused() -> None:
    task = Task(CELLS["gru, reset before"], SHAPES[0])

    def forgetful(which: Ids) -> float:
        fresh = build(task, "textbook")
        assert fresh
        return fresh(which)

    with pytest.raises(Disagreement, match=r"textbook: loss .* before step 2"):
        check(contestants(task) | {"textbook": forgetful}, task)


def test_operations_are_those_of_the_matrix_products() -> None:
    # 3 blocks of 32 x 32 and a head of 32 x 28, each weight once forward and twice backward, a multiply and an add.
    assert flops_per_token(CELLS["gru, reset before"], Shape.parse("32/1024/32")) == 6 * (3 * 32**2 + 32 * 28)
    # The second layer also has the product with its input.
    assert flops_per_token(CELLS["lstm"], Shape.parse("8/1/1/2")) == 6 * (3 * 4 * 8**2 + 8 * 28)


@pytest.mark.parametrize("text", ["32", "32/8", "0/1/1", "1/2/3/4/5", "a/b/c"])
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hidden/batch/steps"):
        Shape.parse(text)
