"""How the next token is chosen from the logits."""

import numpy as np
from numpy.typing import NDArray

from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import SPECIALS

Floats = NDArray[np.float64]


def choose(logits: Floats, how: Sampling, random: np.random.Generator) -> int:
    """The next token's id.

    Temperature 0 takes the likeliest token (the first of equals). Otherwise one uniform number is drawn and
    looked up in the cumulative distribution, so that a seed gives the same text with any filter's value
    for which the same tokens remain.

    Args:
        logits: (vocabulary,); special tokens are never chosen.
    """
    logits = logits.astype(np.float64)
    logits[:SPECIALS] = -np.inf
    if how.temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # near temperature 0, all but the likeliest become impossible
        scaled = (logits - logits.max()) / how.temperature
    probabilities = distribution(scaled, how.top_k, how.top_p)
    cumulative = probabilities.cumsum()
    at = np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")
    return int(min(at, np.flatnonzero(probabilities)[-1]))


def distribution(logits: Floats, top_k: int | None, top_p: float | None) -> Floats:
    """Probabilities (vocabulary,) with what the filters leave out at 0, summing to 1.

    `top_k` keeps the k likeliest. `top_p` keeps the smallest set of likeliest tokens whose probabilities,
    after top_k, reach p (Holtzman et al. 2020, nucleus sampling). Ties go to the lower id.
    """
    weights: Floats = np.exp(logits - logits.max())
    likeliest = np.argsort(-weights, kind="stable")
    if top_k is not None:
        weights[likeliest[top_k:]] = 0
    weights /= weights.sum()
    if top_p is not None:
        before = weights[likeliest].cumsum() - weights[likeliest]
        weights[likeliest[before >= top_p]] = 0
        weights /= weights.sum()
    return weights
