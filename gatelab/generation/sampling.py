"""Chooses the next token from the logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatelab.errors import NotFinite
from gatelab.specs.generation import Sampling
from gatelab.text.tokenizers import SPECIALS

Floats = NDArray[np.float64]

LARGEST = 1e30
"""A penalised logit stays within this bound, so it is a number however small the penalty is."""


def not_finite(what: str) -> NotFinite:
    """The error for infinities or NaN among `what` a model has or computes."""
    return NotFinite(
        f"the model has {what} that are not finite, so its answers would be meaningless: choose another checkpoint,"
        " or train again with a lower learning rate or clip_norm"
    )


def choose(
    logits: NDArray[np.floating[Any]],
    how: Sampling,
    random: np.random.Generator,
    seen: NDArray[np.uint8] | None = None,
    bias: NDArray[np.floating[Any]] | None = None,
) -> int:
    """The next token's id.

    Temperature 0 takes the likeliest token (the first of equals). Otherwise one uniform number is drawn and
    looked up in the cumulative distribution, so that a seed gives the same text with any filter's value
    for which the same tokens remain.

    Args:
        logits: (vocabulary,); special tokens are never chosen.
        seen: (vocabulary,), not 0 for the tokens of the text so far, on which `repetition_penalty` falls (Keskar et
            al. 2019, arXiv:1909.05858).
        bias: (vocabulary,), added to the logits.

    Raises:
        NotFinite: a logit is not.
    """
    changed: Floats = logits.astype(np.float64)
    if not np.isfinite(changed).all():
        raise not_finite("logits")
    if seen is not None:
        with np.errstate(over="ignore"):
            penalised = np.where(changed > 0, changed / how.repetition_penalty, changed * how.repetition_penalty)
        changed = np.where(seen, penalised.clip(-LARGEST, LARGEST), changed)
    if bias is not None:
        changed += bias
    changed[:SPECIALS] = -np.inf
    if how.temperature == 0:
        return int(changed.argmax())
    with np.errstate(over="ignore"):  # near temperature 0, all but the likeliest become impossible
        scaled = (changed - changed.max()) / how.temperature
    probabilities = distribution(scaled, how.top_k, how.top_p, how.min_p)
    cumulative = probabilities.cumsum()
    at = np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")
    return int(min(at, np.flatnonzero(probabilities)[-1]))


def distribution(logits: Floats, top_k: int | None, top_p: float | None = None, min_p: float | None = None) -> Floats:
    """Probabilities (vocabulary,) that sum to 1, with 0 for the tokens that the filters exclude.

    `top_k` keeps the k likeliest. `top_p` keeps the smallest set of likeliest tokens whose probabilities,
    after top_k, reach p (Holtzman et al. 2020, nucleus sampling). `min_p` keeps the tokens whose probability is at
    least that share of the likeliest one's (Nguyen et al. 2024, arXiv:2407.01082). Ties go to the lower id.
    """
    weights: Floats = np.exp(logits - logits.max())
    likeliest = np.argsort(-weights, kind="stable")
    if top_k is not None:
        weights[likeliest[top_k:]] = 0
    weights /= weights.sum()
    if top_p is not None:
        before = weights[likeliest].cumsum() - weights[likeliest]
        weights[likeliest[before >= top_p]] = 0
    if min_p is not None:
        weights[weights < min_p * weights.max()] = 0
    weights /= weights.sum()
    return weights
