"""How a token is chosen: the distribution against a plain second implementation, and the actual draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.generation.sampling import choose, distribution
from gatelab.specs import Sampling
from gatelab.text.tokenizers import SPECIALS
from tests.randomized import examples
from tests.rounding import assert_rounded

# Equal logits are frequent, so that ties occur; unequal ones differ by more than rounding.
logits_lists = st.lists(
    st.integers(-4, 4).map(float) | st.integers(-30_000, 30_000).map(lambda i: i / 1000), min_size=1
)
top_ks = st.none() | st.integers(1, 15)
top_ps = st.none() | st.floats(0.001, 1)


def plain_distribution(logits: list[float], top_k: int | None, top_p: float | None) -> tuple[list[float], bool]:
    """Probabilities by sorting and summing, and whether top_p falls on a border, where rounding decides."""
    likeliest = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:top_k]
    weight = {i: math.exp(logits[i] - max(logits)) for i in likeliest}
    total = math.fsum(weight.values())
    kept, reached, border = [], 0.0, False
    for i in likeliest:
        border |= top_p is not None and abs(reached - top_p) < 1e-9
        if top_p is not None and reached >= top_p:
            break
        kept.append(i)
        reached += weight[i] / total
    mass = math.fsum(weight[i] for i in kept)
    return [weight[i] / mass if i in kept else 0.0 for i in range(len(logits))], border


@examples(500)
@given(logits=logits_lists, top_k=top_ks, top_p=top_ps)
def test_the_distribution_is_the_plain_one(logits: list[float], top_k: int | None, top_p: float | None) -> None:
    expected, border = plain_distribution(logits, top_k, top_p)
    found = distribution(np.array(logits), top_k, top_p)
    assert_rounded(found.sum(), 1.0, terms=len(logits))
    if not border:
        # All terms are positive, so each sum is relatively exact. An exp and a quotient count as two terms.
        assert_rounded(found, np.array(expected), terms=len(logits) + 2, scale=np.array(expected))


@examples(200)
@given(logits=logits_lists, top_k=top_ks, top_p=top_ps)
def test_the_likeliest_token_always_stays(logits: list[float], top_k: int | None, top_p: float | None) -> None:
    found = distribution(np.array(logits), top_k, top_p)
    assert found[int(np.argmax(logits))] == found.max() > 0


@pytest.mark.parametrize(("top_p", "kept"), [(0.5, 1), (0.51, 2), (0.75, 2), (0.76, 3), (1.0, 3)])
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p: float, kept: int) -> None:
    found = distribution(np.log([0.5, 0.25, 0.25]), None, top_p)
    assert np.count_nonzero(found) == kept


@pytest.mark.parametrize("how", [{"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-310}], ids=str)
@examples(100)
@given(logits=logits_lists, seed=st.integers(0, 2**32))
def test_what_leaves_one_token_is_greedy(how: dict[str, float], logits: list[float], seed: int) -> None:
    everything = np.array([99.0] * SPECIALS + logits)
    chosen = choose(everything, Sampling.model_validate(how), np.random.default_rng(seed))
    if how == {"temperature": 1e-310}:  # equals are drawn from
        assert logits[chosen - SPECIALS] == max(logits)
    else:
        assert chosen == SPECIALS + int(np.argmax(logits))


@examples(200)
@given(logits=logits_lists, top_k=top_ks, top_p=top_ps, temperature=st.floats(0, 100), seed=st.integers(0, 2**32))
def test_special_tokens_are_never_chosen(
    logits: list[float], top_k: int | None, top_p: float | None, temperature: float, seed: int
) -> None:
    how = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    everything = np.array([99.0] * SPECIALS + logits)
    before = everything.copy()
    assert SPECIALS <= choose(everything, how, np.random.default_rng(seed)) < len(everything)
    assert np.array_equal(everything, before), "the caller's logits are its own"


@pytest.mark.parametrize(
    "how",
    [{}, {"temperature": 0.5}, {"temperature": 3}, {"top_k": 3}, {"top_p": 0.8}, {"top_k": 4, "top_p": 0.6}],
    ids=str,
)
def test_tokens_are_drawn_as_often_as_they_are_likely(how: dict[str, float], random: np.random.Generator) -> None:
    logits, draws = np.array([9, 9, 0.3, -1, 1.5, 0.9, -0.4, 1.1]), 20_000
    sampling = Sampling.model_validate(how)
    text = (logits[SPECIALS:] / sampling.temperature).tolist()
    expected = np.array(plain_distribution(text, sampling.top_k, sampling.top_p)[0]) * draws
    found = np.bincount([choose(logits, sampling, random) for _ in range(draws)], minlength=len(logits))[SPECIALS:]
    possible = expected > 0
    assert not found[~possible].any()
    # Chi-square of at most 5 degrees of freedom: above 60 with a chance of 1e-11.
    assert (((found - expected) ** 2)[possible] / expected[possible]).sum() < 60


def test_a_filter_that_leaves_the_same_tokens_draws_the_same(seed: int) -> None:
    logits = np.array([0, 0, 3.0, 2.0, 1.0, -20.0])
    drawn = [
        [choose(logits, Sampling(top_k=k), np.random.default_rng([seed, i])) for i in range(200)] for k in (4, 5, None)
    ]
    assert drawn[0] == drawn[1] == drawn[2]
