"""How benchmarks measure, and how they store their measurements."""

from pathlib import Path

import pytest
import torch

from benchmarks.interleaving import in_turn, median_ratio, seconds_per_call
from benchmarks.peers.notebook import Notebook
from benchmarks.peers.textbook import TRAIN
from benchmarks.result_log import ResultLog


def test_gauges_take_turns() -> None:
    order: list[str] = []

    def gauge(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = in_turn({"a": lambda: gauge("a"), "b": lambda: gauge("b")}, rounds=3)
    assert order == ["a", "b"] * 3
    assert measured == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_ratios_are_taken_within_rounds() -> None:
    # The machine was ten times slower in the last round, for both.
    assert median_ratio([2, 4, 20], [1, 2, 10]) == 2


def test_the_first_call_is_not_timed() -> None:
    clock: list[int] = []
    assert seconds_per_call(lambda: clock.append(1), 0) > 0
    assert len(clock) == 2


def test_a_log_of_results_goes_on_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    ResultLog(path, {"epochs": 3}).add("peer", seconds=1.5)
    again = ResultLog(path, {"epochs": 3})
    again.add("job", id="job-1")
    assert [record["seconds"] for record in ResultLog(path, {"epochs": 3}).of("peer")] == [1.5]
    assert [record["id"] for record in again.of("job")] == ["job-1"]


def test_a_log_of_other_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    ResultLog(path, {"epochs": 3})
    with pytest.raises(ValueError, match=r"results\.jsonl has results for "):
        ResultLog(path, {"epochs": 4})


def test_the_notebook_learns() -> None:
    text = torch.arange(TRAIN + 200) % 4
    notebook = Notebook(text, vocabulary=4, num_steps=4, hidden=8, lr=2.0)
    first, *_, last = (notebook.epoch() for _ in range(6))
    assert last < first
    assert notebook.write(text[:3], 5) == [3, 0, 1, 2, 3]
