"""Summaries of the units of a layer at each step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

NEAR = 0.1
"""A gate within this of 0 or 1 counts as saturated."""


@dataclass(frozen=True)
class Statistics:
    """Statistics across the units, at each step.

    Attributes:
        mean: (steps,)
        quantiles: (len(QUANTILES), steps)
        near_zero, near_one: (steps,) the share of units under 0.1 and over 0.9.
    """

    mean: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    near_zero: NDArray[np.float64]
    near_one: NDArray[np.float64]


def across_units(values: NDArray[np.floating]) -> Statistics:
    """Statistics of activations (steps, units), with at least one unit."""
    values = values.astype(np.float64)
    return Statistics(
        values.mean(axis=1),
        np.quantile(values, QUANTILES, axis=1),
        (values < NEAR).mean(axis=1),
        (values > 1 - NEAR).mean(axis=1),
    )
