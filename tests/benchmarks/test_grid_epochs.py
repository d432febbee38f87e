"""What an epoch of each size in the exercises' grid takes."""

import pytest

from benchmarks.grid_epochs import measure, sizes
from benchmarks.published.experiments import job
from benchmarks.published.grid import HIDDEN, STEPS, Epoch, Size, run_seconds, seconds


def test_every_size_of_the_grid_is_timed() -> None:
    grid = job("gru-grid").grid
    assert list(sizes()) == [Size(length, width) for length in grid[STEPS] for width in grid[HIDDEN]]


def test_each_epoch_but_the_first_is_timed(time_machine: str) -> None:
    small = {size: spec for size, spec in sizes().items() if max(size) <= 16}
    measured = measure(small, time_machine, epochs=2, threads=1)
    assert [(Size(each.num_steps, each.hidden), each.epoch) for each in measured] == [
        (size, epoch) for size in small for epoch in (2, 3)
    ]
    assert all(each.seconds > 0 for each in measured)


def test_a_run_takes_a_hundred_times_its_median_epoch() -> None:
    measured = [
        Epoch(num_steps=8, hidden=hidden, threads=1, epoch=epoch, seconds=found)
        for hidden, of_size in ((8, (0.25, 0.5, 9.0)), (16, (2.5, 1.5)))
        for epoch, found in enumerate(of_size)
    ]
    assert run_seconds(measured) == pytest.approx({Size(8, 8): 50.0, Size(8, 16): 200.0})
    assert seconds(measured).rows == [["8", "50", "200"]]
