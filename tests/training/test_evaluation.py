"""Evaluation, token by token in NumPy, and one step of training, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gatelab.cells import Cell
from gatelab.model import LanguageModel
from gatelab.randomness import numpy_generator
from gatelab.specs import CellSpec, RunSpec, parse
from gatelab.text import Batch, Corpus, Windows, prepare
from gatelab.text.windows import IGNORED, batch_order
from gatelab.training import Pack, Stepped, Trainer, bits_per_character, perplexity
from gatelab.training.reference import evaluate
from tests.contracts import equations
from tests.contracts.weights import named
from tests.randomized import CELLS, assert_close, cell_name, randomize
from tests.rounding import assert_rounded
from tests.training.runs import corpus, spec_of

Array = NDArray[np.float64]


def log_softmax(logits: Array) -> Array:
    logits = logits - logits.max(axis=-1, keepdims=True)
    shifted: Array = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return shifted


def plain_evaluation(model: LanguageModel, windows: Windows) -> float:
    """The mean loss, one window after the other, one token after the other."""
    (cell,) = (cell for cell in model.cells if isinstance(cell, Cell))
    weights = named(cell)
    head, bias = model.weight_head.detach().numpy(), model.bias_head.detach().numpy()
    zero = tuple(np.zeros(cell.hidden) for _ in cell.states)
    rows, losses, last = np.eye(model.vocabulary), [], dict.fromkeys(range(windows.per_batch), zero)
    for number, (start, end) in enumerate(zip(windows.starts, windows.ends, strict=True)):
        stream = number % windows.per_batch
        state = last[stream] if windows.carried else zero
        for at in range(start, end):
            state = equations.step(model.spec.cell, weights, rows[windows.ids[at]], state).state
            losses.append(-log_softmax(state[0] @ head + bias)[windows.ids[at + 1]])
        last[stream] = state
    return float(np.mean(losses))


@pytest.mark.parametrize("carry_state", [False, True], ids=["whole", "carried"])
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_evaluation_is_the_mean_over_tokens(
    cell: CellSpec, carry_state: bool, time_machine: str, random: np.random.Generator
) -> None:
    hidden, num_steps, batch_size = (int(n) for n in random.integers(1, 9, size=3))
    cell = cell.model_copy(update={"hidden": hidden})
    spec = spec_of({"cell": cell}, num_steps=num_steps, batch_size=batch_size, carry_state=carry_state)
    data = prepare(spec, corpus(time_machine, 400))
    model = LanguageModel(spec.model, data.tokenizer.vocabulary)
    randomize(model, random, 0.3)
    for windows in (data.train, data.validation):
        assert_close(evaluate(model, windows), plain_evaluation(model, windows))


def test_padding_is_not_scored(time_machine: str, random: np.random.Generator) -> None:
    spec = spec_of({"cell": {"kind": "gru", "hidden": 8}}, num_steps=32)
    data = prepare(spec, corpus(time_machine, 410))
    assert any((batch.targets == IGNORED).any() for batch in data.validation)
    model = LanguageModel(spec.model, data.tokenizer.vocabulary)
    randomize(model, random, 0.3)
    assert_close(evaluate(model, data.validation), plain_evaluation(model, data.validation))


def test_a_model_that_knows_nothing_hesitates_among_all(time_machine: str) -> None:
    spec = spec_of()
    data = prepare(spec, corpus(time_machine))
    model = LanguageModel(spec.model, data.tokenizer.vocabulary)  # all parameters are zero
    vocabulary = data.tokenizer.vocabulary
    assert_rounded(evaluate(model, data.validation), math.log(vocabulary), terms=vocabulary, dtype=torch.float32)
    assert perplexity(math.log(vocabulary)) == pytest.approx(vocabulary)


def test_perplexity_of_what_overflows_is_infinite() -> None:
    assert perplexity(0) == 1
    assert perplexity(1e6) == math.inf
    assert math.isnan(perplexity(math.nan))


@pytest.mark.parametrize(("text", "bytes_each"), [("abcd", 1), ("éüßñ", 2), ("文字文字", 3), ("🙂🎉🙂🚀", 4)])
def test_bits_per_character_count_all_bytes_of_a_character(text: str, bytes_each: int) -> None:
    spec = parse(RunSpec, {"corpus": "x", "tokenizer": {"kind": "byte"}})
    data = prepare(spec, Corpus("x", text * 50))
    windows = data.validation
    model = LanguageModel(spec.model, 258)  # all parameters are zero: every byte costs log2(258) bits
    found = bits_per_character(evaluate(model, windows), windows, data.tokenizer)
    assert_rounded(found, bytes_each * math.log2(258), terms=258, dtype=torch.float32)


def test_bits_per_character_count_the_characters_of_the_scored_part() -> None:
    spec = parse(RunSpec, {"corpus": "x", "tokenizer": {"kind": "byte"}})
    data = prepare(spec, Corpus("x", "a" * 2400 + "文" * 200))  # validation and test are "文" alone
    assert data.test is not None
    for windows in (data.validation, data.test):
        assert bits_per_character(math.log(2), windows, data.tokenizer) == 3


# -- One step, by hand --------------------------------------------------------------------------------------------


def gradients_by_hand(w: dict[str, Array], batch: Batch) -> tuple[float, dict[str, Array]]:
    """Backpropagation through time of the one-hot tanh RNN: the mean loss and its gradients."""
    steps, size = batch.inputs.shape
    h, x, after = [np.zeros((size, w["U"].shape[0]))], np.eye(w["W"].shape[0])[batch.inputs], []
    for x_t in x:
        h.append(np.tanh(x_t @ w["W"] + h[-1] @ w["U"] + w["b"]))
    logs = log_softmax(np.stack(h[1:]) @ w["V"] + w["d"])
    right = np.eye(w["d"].size)[batch.targets]
    slope = (np.exp(logs) - right) / batch.targets.size
    back = np.zeros_like(h[0])
    for t in reversed(range(steps)):
        back = (slope[t] @ w["V"].T + back @ w["U"].T) * (1 - h[t + 1] ** 2)
        after.append(back)
        back = after[-1]
    a = np.stack(after[::-1])
    gradients = {
        "W": np.einsum("tbi,tbh->ih", x, a),
        "U": np.einsum("tbi,tbh->ih", np.stack(h[:-1]), a),
        "b": a.sum((0, 1)),
        "V": np.einsum("tbh,tbv->hv", np.stack(h[1:]), slope),
        "d": slope.sum((0, 1)),
    }
    return float(-(logs * right).sum() / batch.targets.size), gradients


NAMES = {
    "W": "cells.0.W",
    "U": "cells.0.U",
    "b": "cells.0.b",
    "V": "weight_head",
    "d": "bias_head",
}


@pytest.mark.parametrize("clip_norm", [None, 0.05, 1e6])
def test_a_step_is_the_one_written_by_hand(
    clip_norm: float | None, time_machine: str, random: np.random.Generator, seed: int
) -> None:
    lr = 0.7
    training = {"num_steps": 6, "batch_size": 4, "optimizer": {"kind": "sgd", "lr": lr}, "clip_norm": clip_norm}
    spec = spec_of({"cell": {"kind": "rnn", "hidden": 5}}, seed=seed, **training)
    trainer = Trainer(spec, prepare(spec, corpus(time_machine)))
    trainer.member = replace(trainer.member, parameters=random.normal(size=len(trainer.member.parameters)))
    pack = Pack({"run": trainer}, engine="torch")
    before = {name: trainer.weights[full].copy() for name, full in NAMES.items()}
    shuffled = batch_order(trainer.data.train, numpy_generator(seed, "order", 0))
    loss, gradients = gradients_by_hand(before, trainer.data.train.batch(0, shuffled))
    norm = math.sqrt(sum((g**2).sum() for g in gradients.values()))
    factor = 1 if clip_norm is None else min(1, clip_norm / (norm + 1e-6))
    [(_, event)] = pack.round()
    assert isinstance(event, Stepped)
    found = {name: event.checkpoint().weights[full] for name, full in NAMES.items()}
    assert_close(event.loss, loss)
    assert_close(found, {name: before[name] - lr * factor * gradient for name, gradient in gradients.items()})
