"""The peers on tiny Shakespeare are the models that they claim to be, and a row says when a loss was reached."""

import math
from itertools import islice

import pytest
import torch

from benchmarks.peers import min_gru, small_gpt
from benchmarks.published.shakespeare import Score, times
from benchmarks.shakespeare.contestants import text_ids

MIN_GRU_SIZES = min_gru.Sizes(vocabulary=11, layers=2, width=12, window=9, batch=4, dropout=0.0, lr=0.03)
SIZES = small_gpt.Sizes(vocabulary=11, layers=2, heads=2, width=16, window=8, batch=3, steps=20, warmup=5, lr=0.03)


def test_the_gpt_sees_no_later_token() -> None:
    torch.manual_seed(1)
    model = small_gpt.SmallGpt(SIZES)
    ids = torch.randint(SIZES.vocabulary, (1, 8))
    changed = ids.clone()
    changed[0, 5] = (changed[0, 5] + 1) % SIZES.vocabulary
    x, y = (model.blocks(model.tokens(each) + model.places(torch.arange(8))) for each in (ids, changed))
    assert torch.equal(x[0, :5], y[0, :5])
    assert not torch.allclose(x[0, 5:], y[0, 5:])


def test_the_gpt_begins_as_a_guess_and_learns() -> None:
    torch.manual_seed(1)
    model, ids = small_gpt.SmallGpt(SIZES), torch.arange(200) % SIZES.vocabulary
    batch = ids[: 9 * 9].view(9, 9)
    assert model.loss(batch).item() == pytest.approx(math.log(SIZES.vocabulary), rel=0.1)
    assert list(small_gpt.steps(model, ids, seed=3)) == list(range(1, 21))
    assert model.loss(batch).item() < 0.9 * math.log(SIZES.vocabulary)


def test_the_scan_of_the_min_gru_is_its_equation() -> None:
    torch.manual_seed(1)
    gate, candidate = (3 * torch.randn(3, 17, 5, dtype=torch.float64) for _ in range(2))
    h = torch.full((3, 5), 0.5, dtype=torch.float64)
    for step, found in enumerate(min_gru.scan(gate, candidate).unbind(dim=1)):
        z, c = gate[:, step].sigmoid(), candidate[:, step]
        h = (1 - z) * h + z * torch.where(c >= 0, c + 0.5, c.sigmoid())
        torch.testing.assert_close(found, h, rtol=1e-12, atol=0.0)


def test_the_min_gru_sees_no_later_token() -> None:
    torch.manual_seed(1)
    model = min_gru.MinGruModel(MIN_GRU_SIZES)
    ids = torch.randint(MIN_GRU_SIZES.vocabulary, (1, 9))
    changed = ids.clone()
    changed[0, 5] = (changed[0, 5] + 1) % MIN_GRU_SIZES.vocabulary
    x, y = (model.blocks(model.tokens(each)) for each in (ids, changed))
    torch.testing.assert_close(x[0, :5], y[0, :5], rtol=0.0, atol=1e-6)
    assert not torch.allclose(x[0, 5:], y[0, 5:])


def test_the_min_gru_learns() -> None:
    torch.manual_seed(1)
    model, ids = min_gru.MinGruModel(MIN_GRU_SIZES), torch.arange(200) % MIN_GRU_SIZES.vocabulary
    batch = ids[:100].view(10, 10)
    before = model.loss(batch).item()
    assert list(islice(min_gru.steps(model, ids, seed=3), 20)) == list(range(1, 21))
    assert model.loss(batch).item() < 0.5 * before


def test_the_rate_rises_and_falls() -> None:
    rates = [small_gpt.rate(SIZES, step) for step in range(SIZES.steps + 1)]
    assert max(rates) == rates[SIZES.warmup] == SIZES.lr
    assert rates[-1] == pytest.approx(SIZES.lowest_lr)
    assert rates[:5] == sorted(rates[:5])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_the_last_tenth_is_not_trained_on() -> None:
    training, held_out, vocabulary = text_ids("ab" * 450 + "c" * 100)
    assert (len(training), len(held_out), vocabulary) == (900, 100, 3)
    assert set(training.tolist()).isdisjoint(held_out.tolist())


def test_a_row_says_when_each_target_was_reached() -> None:
    looks = {0: [(10, 2.0), (20, 1.7), (30, 1.55), (40, 1.58)], 1: [(12, 1.8), (24, 1.49)]}
    scores = [
        Score(contestant="gru", seed=seed, seconds=at, validation_loss=loss)
        for seed, of_seed in looks.items()
        for at, loss in of_seed
    ]
    [row] = times(scores).rows
    assert row == ["gru", "2", "1.520 (1.490 to 1.550)", "27 s", "16 s", "27 s", "24 s (1 of 2)", "never"]
