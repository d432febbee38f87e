"""Seconds from work, calibrated by what past runs took on the same device.

The law is  seconds = a * scan steps + b * elements + c * flops  with a, b, c >= 0: overheads, memory traffic and
arithmetic. For every run that is predicted, the law is fitted by non-negative least squares (Lawson & Hanson
1974) over the past runs, where each counts by its relative error, and the more the nearer it is: a run of another cell,
or of another arithmetic intensity (flops per scan step), says less about this one, and so does one of a moment. That is
local regression (Cleveland 1979). A weak prior lets each of the three terms pay a third, so that a single past run
predicts something sensible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gatelab.costs.operation_counts import Work

Array = NDArray[np.float64]

BANDWIDTH = 1.5
"""Runs whose arithmetic intensity differs by a factor of e^1.5 (about 4.5) count 0.6 as much as equal ones."""
OTHER_CELL = 0.02
"""What a run of another cell counts: a basis for cells without past runs of their own."""
SETTLED_SECONDS = 1.0
"""A run of this length counts half as much as a long one: shorter ones are mostly warming up."""
FARTHEST = 1e-3
"""The weight of the farthest past run, so that there is always a basis."""
PRIOR = 0.03
"""What the prior that each term pays a third counts, of 1 for all past runs together."""


@dataclass(frozen=True)
class Past:
    """A run that has succeeded: the `speed_class` of its cell, its work, and the seconds of training and evaluation."""

    cell: str
    work: Work
    seconds: float


def predict(wanted: Sequence[tuple[str, Work]], past: Sequence[Past]) -> list[float] | None:
    """Seconds of training and evaluation of each of the runs `wanted`, given as (`speed_class` of the cell, work).

    Returns:
        None without a past run.
    """
    past = [run for run in past if run.seconds > 0 and run.work.flops > 0]
    if not past:
        return None
    terms = np.array([_terms(run.work) for run in past])
    seconds = np.array([run.seconds for run in past])
    settled = seconds / (seconds + SETTLED_SECONDS)
    cells = np.array([run.cell for run in past])
    known: dict[tuple[str, Work], float] = {}
    for cell, work in wanted:
        if (cell, work) not in known:
            nearness = np.where(cells == cell, 1.0, OTHER_CELL) * _nearness(_terms(work), terms)
            known[cell, work] = float(_terms(work) @ _fit(terms, seconds, settled * np.maximum(nearness, FARTHEST)))
    return [known[each] for each in wanted]


def _terms(work: Work) -> Array:
    return np.array([work.scan_steps, work.elements, work.flops], dtype=float)


def _nearness(terms: Array, others: Array) -> Array:
    """1 for runs of the same arithmetic intensity, towards 0 for others."""
    distance = np.log(others[:, 2] / others[:, 0]) - np.log(terms[2] / terms[0])
    nearness: Array = np.exp(-0.5 * (distance / BANDWIDTH) ** 2)
    return nearness


def _fit(terms: Array, seconds: Array, nearness: Array) -> Array:
    """The law's coefficients (3,) for past runs of `terms` (runs, 3) that took `seconds` (runs,)."""
    # In shares of each run's seconds, every residual is a relative error.
    weights = np.sqrt(nearness / nearness.sum())
    shares = terms / seconds[:, None]
    scale = (nearness @ shares) / nearness.sum()
    rows = np.vstack([shares / scale * weights[:, None], PRIOR * np.eye(3)])
    coefficients: Array = non_negative(rows, np.concatenate([weights, np.full(3, PRIOR / 3)])) / scale
    return coefficients


def non_negative(rows: Array, targets: Array) -> Array:
    """The x >= 0 that minimises |rows x - targets|, for a few columns of full rank.

    It is the best of the plain solutions of all subsets of columns that are not negative: for three terms that is
    at once more exact and quicker than an iteration, and needs no import of a second.
    """
    product, moments = rows.T @ rows, rows.T @ targets
    columns = rows.shape[1]
    best, gain = np.zeros(columns), 0.0
    for size in range(1, columns + 1):
        for subset in map(list, combinations(range(columns), size)):
            found = np.linalg.solve(product[np.ix_(subset, subset)], moments[subset])
            # How far a plain solution brings the squared error down.
            if (found >= 0).all() and moments[subset] @ found > gain:
                best, gain = np.zeros(columns), float(moments[subset] @ found)
                best[subset] = found
    return best
