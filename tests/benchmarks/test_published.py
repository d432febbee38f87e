"""The comparisons of the pages have their raw results beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.published import book, files, grid, memory, pages, rows, saturation, shakespeare, zoo
from benchmarks.published.experiments import EXPERIMENTS, RESULTS, ROOT, job
from benchmarks.published.measuring import known, measure
from gatelab.reports.build import job_report
from gatelab.specs import JobSpec, parse
from gatelab.specs.resolved import as_json, field_at, resolved
from gatelab.text import Corpus
from gatelab.training import Evaluated, train

MARKED = [(page, asked, table) for page in pages.pages() for asked, table in pages.marks(page)]


@pytest.mark.parametrize(("page", "asked", "table"), MARKED, ids=[f"{page.stem}: {asked}" for page, asked, _ in MARKED])
def test_a_table_is_what_its_raw_results_give(page: Path, asked: str, table: str) -> None:
    assert table == pages.table(asked), "write it again: python -m benchmarks.published tables"


def test_every_experiment_is_on_a_page() -> None:
    shown = {asked.split()[0] for _, asked, _ in MARKED}
    others = (book, grid, memory, saturation, shakespeare, zoo)
    measured = {*EXPERIMENTS, *(file for each in others for file in each.FILES)}
    assert shown == measured == {file.stem for file in RESULTS.glob("*.csv")}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_file_has_every_run_of_its_experiment(name: str) -> None:
    asked, found = job(name), files.read(RESULTS / f"{name}.csv")
    assert [record.index for record in rows.records(asked, found)] == list(rows.specs(asked))
    assert len({row["corpus_sha256"] for row in found}) == 1


def test_experiments_that_share_a_run_have_one_result_of_it() -> None:
    found: dict[Any, set[tuple[str, ...]]] = {}
    for name in EXPERIMENTS:
        asked, of_file = job(name), files.read(RESULTS / f"{name}.csv")
        for row, record in zip(of_file, rows.records(asked, of_file), strict=True):
            found.setdefault(resolved(record.spec), set()).add(tuple(row[column] for column in rows.MEASURED))
    assert {len(results) for results in found.values()} == {1}


*OWN, OPEN = memory.NAMES.values()
CELLS = {"memory": OWN, "copying": OWN, "forget-bias": (memory.NAMES["lstm"], OPEN)}


@pytest.mark.parametrize("name", memory.FILES)
def test_every_cell_was_asked_to_remember_with_the_same_seeds(name: str) -> None:
    found = memory.read(RESULTS / f"{name}.csv")
    lags = {row.lag for row in found}
    seeds: dict[tuple[str, int], list[int]] = {}
    for row in found:
        seeds.setdefault((row.cell, row.lag), []).append(row.seed)
    assert seeds.keys() == {(cell, lag) for cell in CELLS[name] for lag in lags}
    assert len({tuple(each) for each in seeds.values()}) == 1
    assert len({row.epochs for row in found}) == 1
    assert {row.width for row in found} == {3 if name == "copying" else 1}


def test_a_table_that_nobody_measured_is_refused() -> None:
    for asked in (
        "gate-ablation curves",
        "nothing results",
        "memory results",
        "gate-ablation results lr=1",
        "rnn-vs-gru samples",
    ):
        with pytest.raises(ValueError, match="no table is called"):
            pages.table(asked)


def test_a_page_is_rewritten_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- table: gru-scratch results -->\nold\n<!-- end of table -->\nbehind\n", encoding="utf-8"
    )
    pages.rewrite(page)
    table = pages.table("gru-scratch results")
    marks = "<!-- table: gru-scratch results -->", "<!-- end of table -->"
    assert page.read_text(encoding="utf-8") == f"before\n{marks[0]}\n{table}{marks[1]}\nbehind\n"


# -- Measuring --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> JobSpec:
    return parse(
        JobSpec,
        {
            "name": "small",
            "corpus": "book",
            "model": {"cell": {"kind": "gru", "hidden": 4}},
            "training": {
                "num_steps": 8,
                "batch_size": 16,
                "windows": {"stride": 1, "train": 32, "validation": 16, "test": 16},
                "optimizer": {"kind": "sgd", "lr": 1},
                "epochs": 2,
                "sample": {"prefix": "it", "characters": 5},
            },
            "grid": {"model.cell.gates": [["reset", "update"], []]},
            "repeats": 2,
        },
    )


def measured(asked: JobSpec, file: Path, text: str, already: Any = ()) -> Sequence[dict[str, str]]:
    measure(asked, file, text, 1, dict(already))
    return [dict(row) for row in files.read(file)]


def test_a_row_is_what_the_training_of_its_spec_says(small: JobSpec, tmp_path: Path, time_machine: str) -> None:
    found = measured(small, tmp_path / "small.csv", time_machine)
    assert [row["index"] for row in found] == ["0", "1", "2", "3"]
    for row, spec in zip(found, rows.specs(small).values(), strict=True):
        *_, last = (event for event in train(spec, Corpus("book", time_machine)) if isinstance(event, Evaluated))
        assert row["seed"] == str(spec.training.seed)
        assert json.loads(row["model.cell.gates"]) == as_json(field_at(spec, "model.cell.gates"))
        assert {name: float(row[name]) for name in rows.LOSSES} == {name: getattr(last, name) for name in rows.LOSSES}
        assert json.loads(row["sample"]) == f"it{last.sample}"
        assert (row["state"], row["epoch"], int(row["trained_together"]) > 1) == ("succeeded", "2", True)


def test_what_is_known_is_not_trained_again(small: JobSpec, tmp_path: Path, time_machine: str) -> None:
    first = measured(small.model_copy(update={"repeats": 1}), tmp_path / "first.csv", time_machine)
    specs = rows.specs(small.model_copy(update={"repeats": 1})).values()
    already = {
        resolved(spec): {name: row[name] for name in rows.MEASURED} for row, spec in zip(first, specs, strict=True)
    }
    both = measured(small, tmp_path / "both.csv", time_machine, already)
    assert [row["index"] for row in both] == ["0", "1", "2", "3"]
    assert [both[index]["seconds"] for index in (0, 2)] == [row["seconds"] for row in first]
    whole = measured(small, tmp_path / "whole.csv", time_machine)
    losses = [[{name: row[name] for name in rows.LOSSES} for row in found] for found in (both, whole)]
    assert losses[0] == losses[1]


def test_a_run_that_diverges_is_a_row_that_says_so(small: JobSpec, tmp_path: Path, time_machine: str) -> None:
    # Every step multiplies the weights by 1 - lr * weight_decay = -9, until they overflow.
    optimizer = small.training.optimizer.model_copy(update={"lr": 10, "weight_decay": 1})
    training = small.training.model_copy(update={"optimizer": optimizer, "epochs": 50})
    asked = small.model_copy(update={"training": training})
    found = measured(asked, tmp_path / "small.csv", time_machine)
    report = job_report("small", asked, rows.records(asked, found))
    assert [variant.succeeded for variant in report.variants] == [0, 0]
    assert all("diverged at step" in trouble for variant in report.variants for trouble in variant.troubles)


def test_rows_of_another_job_are_refused(small: JobSpec, tmp_path: Path, time_machine: str) -> None:
    found = measured(small, tmp_path / "small.csv", time_machine)
    for wrong in ({"seed": "7"}, {"model.cell.gates": '["update"]'}, {"index": "4"}):
        with pytest.raises(ValueError, match="is of no run of small"):
            rows.records(small, [dict(found[0]) | wrong])


def test_another_text_is_measured_for_itself(tmp_path: Path) -> None:
    assert known("another text") == {}
    assert ROOT / "docs" / "results" == RESULTS
