"""Predicts seconds from work, calibrated by past runs on the same device.

The law is  seconds = a * scan steps + b * elements + c * flops  with a, b, c >= 0: overheads, memory traffic and
arithmetic. For every run that is predicted, the law is fitted by non-negative least squares (Lawson & Hanson
1974) over the relative errors of past runs. A past run has more weight the more similar it is: a run of another
cell or of another arithmetic intensity (flops per scan step) says less about this one, and so does a very short run.
That is local regression (Cleveland 1979). A weak prior assigns a third of the time to each of the three terms, so that
a single past run predicts something sensible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gatelab.costs.operation_counts import Work

Array = NDArray[np.float64]

BANDWIDTH = 1.5
"""A run whose intensity differs by a factor of e^1.5 (about 4.5) has 0.6 times the weight of an equal one."""
OTHER_CELL = 0.02
"""The weight of a run of another cell, as a basis for cells without past runs of their own."""
SETTLED_SECONDS = 1.0
"""A run of this length has half the weight of a long one; shorter runs mostly warm up."""
FARTHEST = 1e-3
"""The weight of the farthest past run, so that there is always a basis."""
PRIOR = 0.03
"""The weight of the prior that assigns a third to each term, where all past runs together have 1."""


@dataclass(frozen=True)
class Past:
    """A run that has succeeded: the `speed_class` of its cell, its work, and the seconds of training and evaluation."""

    cell: str
    work: Work
    seconds: float


def predict(wanted: Sequence[tuple[str, Work]], past: Sequence[Past]) -> list[float] | None:
    """Seconds of training and evaluation of each of the runs `wanted`, given as (`speed_class` of the cell, work).

    Returns:
        None if there is no past run.
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

    It is the best among the non-negative least-squares solutions of all subsets of columns. For three terms this is
    more exact and faster than an iteration, and saves an import that takes a second.
    """
    product, moments = rows.T @ rows, rows.T @ targets
    columns = rows.shape[1]
    best, gain = np.zeros(columns), 0.0
    for size in range(1, columns + 1):
        for subset in map(list, combinations(range(columns), size)):
            found = np.linalg.solve(product[np.ix_(subset, subset)], moments[subset])
            # By how much a solution reduces the squared error.
            if (found >= 0).all() and moments[subset] @ found > gain:
                best, gain = np.zeros(columns), float(moments[subset] @ found)
                best[subset] = found
    return best
