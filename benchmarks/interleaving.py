"""Measuring in turn: whatever slows the machine down for a while slows down all that is compared."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Gauge = Callable[[], float]
"""Measures something once."""


def in_turn(gauges: Mapping[Key, Gauge], rounds: int) -> dict[Key, list[float]]:
    """What each gauge measured, round by round."""
    measured: dict[Key, list[float]] = {name: [] for name in gauges}
    for _ in range(rounds):
        for name, gauge in gauges.items():
            measured[name].append(gauge())
    return measured


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def seconds_per_call(work: Callable[[], object], least_seconds: float) -> float:
    """The mean time of a call, over as many calls as take `least_seconds` together, at least one.

    One call goes before them untimed: it brings the caches back, and outlasts what the threads of the contestant
    before spend spinning.
    """
    work()
    calls, begun = 0, time.perf_counter()
    while True:
        work()
        calls += 1
        if (elapsed := time.perf_counter() - begun) >= least_seconds:
            return elapsed / calls
