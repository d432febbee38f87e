"""A report shows where runs that started from one another branch, and the later losses of both."""

from typing import Any

import pytest

from gatelab.reports import tables
from gatelab.reports.build import comparison_report
from gatelab.reports.formats import FORMATS
from gatelab.reports.records import RunRecord
from gatelab.reports.report import Report
from gatelab.specs import RunSpec, parse
from tests.reports.records import record


def run(
    name: str, loss: float, lr: float, parent: str | None = None, what: str = "everything", **more: Any
) -> RunRecord:
    spec: dict[str, Any] = {"corpus": "book", "training": {"optimizer": {"kind": "adam", "lr": lr}}}
    if parent:
        spec["start"] = {"run": parent, "checkpoint": 10, "what": what}
    fields = {"id": name, "parent": parent, "parent_step": 10 if parent else None} | more
    return record(parse(RunSpec, spec), loss=loss, **fields)


@pytest.fixture
def tree() -> Report:
    """root -> child -> grandchild -> last, and a run whose parent is not compared."""
    return comparison_report(
        [
            run("root", 2.0, 0.1),
            run("child", 1.9, 0.2, "root"),
            run("grandchild", 1.8, 0.3, "child", "weights"),
            run("last", 1.7, 0.3, "grandchild", parent_step=15),
            run("orphan", 1.6, 0.1, "elsewhere"),
        ]
    )


def test_each_run_that_began_from_another_is_a_branch(tree: Report) -> None:
    assert [(b.run, b.parent, b.step, b.continues) for b in tree.branches] == [
        ("child", "root", 10, True),
        ("grandchild", "child", 10, False),
        ("last", "grandchild", 15, True),
        ("orphan", "elsewhere", 10, True),
    ]


def test_it_says_what_differs_and_what_came_of_it(tree: Report) -> None:
    child, _, last, orphan = tree.branches
    assert child.changes is not None
    assert [(c.path, c.before, c.after) for c in child.changes] == [("training.optimizer.lr", "0.1", "0.2")]
    # The first of two evaluations was at step 10, one nat above the last one.
    assert (child.epoch, child.loss_there, child.parent_loss, child.loss) == (1, 3.0, 2.0, 1.9)
    assert last.changes == []
    assert last.loss_there == pytest.approx(2.8)
    assert (orphan.changes, orphan.loss_there, orphan.parent_loss, orphan.loss) == (None, None, None, 1.6)


def test_a_parent_that_was_not_evaluated_before_has_no_loss_there() -> None:
    [branch] = comparison_report([run("root", 2.0, 0.1), run("child", 1.9, 0.2, "root", parent_step=9)]).branches
    assert (branch.epoch, branch.loss_there, branch.parent_loss) == (None, None, 2.0)


def test_the_table_says_so_in_words(tree: Report) -> None:
    rows = tables.branches(tree).rows
    assert rows[0] == ["child (1)", "root (0)", "10", "training.optimizer.lr: 0.1 → 0.2", "3.0000", "2.0000", "1.9000"]
    assert rows[1][3].endswith("; weights alone")
    assert rows[2][3] == "nothing"
    assert rows[3][1:4] == ["elsewhere", "10", "not known: the other run is not in this report"]


@pytest.mark.parametrize("format", ["md", "html"])
def test_reports_show_it_where_there_are_branches(format: Any, tree: Report) -> None:
    write = FORMATS[format][1]
    assert "Where runs branch" in write(tree)
    assert "Where runs branch" not in write(comparison_report([run("root", 2.0, 0.1)]))


def test_a_curve_begins_where_it_parts(tree: Report) -> None:
    """The root and its child have one point in common: at epoch 1, exp(3)."""
    page = FORMATS["html"][1](tree)
    lines = [line.partition('"')[0].split() for line in page.split('<polyline points="')[1:]]
    root, child, grandchild = lines[:3]
    assert root[0] == child[0]
    assert (len(root), len(child), len(grandchild)) == (2, 3, 2), "a run from weights alone begins at step 0"
