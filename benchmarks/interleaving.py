"""Measuring in turn: a slowdown of the machine affects everything that is compared."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Gauge = Callable[[], float]
"""Measures something once."""


def in_turn(gauges: Mapping[Key, Gauge], rounds: int) -> dict[Key, list[float]]:
    """The measurements of each gauge, round by round."""
    measured: dict[Key, list[float]] = {name: [] for name in gauges}
    for _ in range(rounds):
        for name, gauge in gauges.items():
            measured[name].append(gauge())
    return measured


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def seconds_per_call(work: Callable[[], object], least_seconds: float) -> float:
    """The mean time of a call, over at least one call and as many as take `least_seconds` together.

    An untimed call comes first. It fills the caches, and lasts until the threads of the previous contestant have
    stopped spinning.
    """
    work()
    calls, begun = 0, time.perf_counter()
    while True:
        work()
        calls += 1
        if (elapsed := time.perf_counter() - begun) >= least_seconds:
            return elapsed / calls
