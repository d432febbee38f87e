"""What a run will cost: parameters, memory, work and, calibrated by past runs, seconds. No torch."""

from gatelab.costs.cells import CellCounts, speed_class
from gatelab.costs.operation_counts import (
    Expected,
    Work,
    counts,
    flops_per_token,
    parameters,
    step_flops,
    work,
)
from gatelab.costs.prediction import Past, predict

__all__ = [
    "CellCounts",
    "Expected",
    "Past",
    "Work",
    "counts",
    "flops_per_token",
    "parameters",
    "predict",
    "speed_class",
    "step_flops",
    "work",
]
