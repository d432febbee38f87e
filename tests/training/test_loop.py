"""Training: its events, its bounds, and one step against a step written by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.errors import Diverged, InvalidSpec
from gatelab.model import model_of
from gatelab.randomness import numpy_generator
from gatelab.specs import RunSpec
from gatelab.text import prepare
from gatelab.text.tokenizers import SPECIALS
from gatelab.text.windows import IGNORED, batch_order
from gatelab.training import Evaluated, Event, Started, Stepped, train
from gatelab.training.reference import tensors, total_loss
from tests.randomized import CELLS, cell_name
from tests.rounding import assert_rounded, terms_of
from tests.training.runs import corpus, evaluations, spec_of

TRAINING = {"num_steps": 16, "batch_size": 20, "sample": None}


# -- It learns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_every_cell_learns_real_text(cell: object, time_machine: str) -> None:
    spec = spec_of({"cell": cell}, epochs=8, optimizer={"kind": "adam", "lr": 0.02}, **TRAINING)
    text = corpus(time_machine, 4000)
    epochs = evaluations(train(spec, text))
    # Better than the best model without context: the entropy of single characters.
    assert epochs[-1].train_loss < entropy(text.text) < epochs[0].train_loss
    assert epochs[-1].validation_loss < epochs[0].validation_loss - 0.2
    assert epochs[-1].test_loss is not None
    assert all(math.isfinite(x) for e in epochs for x in (e.train_loss, e.validation_loss, e.bits_per_character))


def entropy(text: str) -> float:
    """The entropy of single characters, in nats."""
    _, counts = np.unique(list(text), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


# -- Its events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carry_state", [False, True], ids=["shuffled", "carried"])
def test_events_come_in_order_and_count_right(carry_state: bool, time_machine: str) -> None:
    text, epochs = corpus(time_machine, 1500), 3
    spec = spec_of(epochs=epochs, num_steps=13, batch_size=6, carry_state=carry_state, sample={"characters": 4})
    windows = prepare(spec, text).train
    tokens = sum(batch.tokens for batch in windows)
    started, *events = train(spec, text)
    assert isinstance(started, Started)
    assert [type(e) for e in events] == ([Stepped] * windows.batches + [Evaluated]) * epochs
    assert started.total_steps == sum(isinstance(e, Stepped) for e in events) == events[-1].position.step
    assert [e.position.step for e in events if isinstance(e, Stepped)] == list(range(1, started.total_steps + 1))
    assert [e.position.epoch for e in events if isinstance(e, Evaluated)] == [1, 2, 3]
    assert [e.position.tokens for e in events if isinstance(e, Evaluated)] == [tokens, 2 * tokens, 3 * tokens]
    assert all(e.position.batch == 0 for e in events if isinstance(e, Evaluated))


@pytest.mark.parametrize("carry_state", [False, True], ids=["shuffled", "carried"])
def test_steps_read_the_batches_of_their_epoch(carry_state: bool, time_machine: str, seed: int) -> None:
    # A rate so small that nothing moves: every loss is that of the initial weights.
    still: dict[str, Any] = {"optimizer": {"kind": "sgd", "lr": 1e-300}, "seed": seed, "sample": None, "epochs": 2}
    text, spec = corpus(time_machine, 800), spec_of(num_steps=13, batch_size=6, carry_state=carry_state, **still)
    started, *events = train(spec, text)
    model, windows = model_of(started.checkpoint()), prepare(spec, text).train
    expected = []
    for epoch in range(2):
        order, state = batch_order(windows, numpy_generator(seed, "order", epoch)), None
        for index in range(windows.batches):
            inputs, targets = tensors(windows.batch(index, order), model.device)
            if state is None or not carry_state:
                state = model.initial_state(inputs.shape[1])
            logits, state = model(inputs, state)
            expected.append(total_loss(logits, targets).item() / int((targets != IGNORED).sum()))
    losses = [e.loss for e in events if isinstance(e, Stepped)]
    # The model is untrained, and remembers no more than the window.
    assert_rounded(losses, expected, terms=terms_of(model, windows.num_steps) + model.vocabulary, dtype=torch.float32)
    assert len(set(expected)) > 2, "batches differ in their loss, or this test shows nothing"


def test_the_number_of_parameters_is_reported(time_machine: str) -> None:
    text, spec = corpus(time_machine), spec_of({"cell": {"kind": "lstm", "hidden": 6}})
    vocabulary = SPECIALS + len(set(text.text))
    started = next(train(spec, text))
    assert isinstance(started, Started)
    assert started.parameters == 4 * (vocabulary * 6 + 6 * 6 + 6) + 6 * vocabulary + vocabulary


def test_the_train_loss_is_the_mean_over_tokens(time_machine: str) -> None:
    text, spec = corpus(time_machine, 700), spec_of(epochs=1, num_steps=13, batch_size=7)
    windows = prepare(spec, text).train
    _, *steps, evaluated = train(spec, text)
    sizes = [min(7, len(windows.starts) - at) * 13 for at in range(0, len(windows.starts), 7)]
    assert len(set(sizes)) == 2, "the last batch is smaller, so that the mean over batches is another number"
    losses = [step.loss for step in steps if isinstance(step, Stepped)]
    assert isinstance(evaluated, Evaluated)
    assert_rounded(evaluated.train_loss, np.average(losses, weights=sizes), terms=len(losses))


def test_the_test_text_is_looked_at_once_at_the_end(time_machine: str) -> None:
    epochs = evaluations(train(spec_of(epochs=3), corpus(time_machine)))
    assert [e.test_loss is not None for e in epochs] == [False, False, True]
    assert [e.test_bits_per_character is not None for e in epochs] == [False, False, True]
    numbered = spec_of(epochs=1, windows={"train": 5, "validation": 3})
    assert evaluations(train(numbered, corpus(time_machine)))[0].test_loss is None


def test_samples_are_reproducible_and_optional(time_machine: str) -> None:
    text = corpus(time_machine)
    how = {"prefix": "the", "characters": 9, "temperature": 1}
    first, again = (evaluations(train(spec_of(epochs=2, sample=how), text)) for _ in range(2))
    assert [e.sample for e in first] == [e.sample for e in again]
    assert all(e.sample is not None and len(e.sample) == 9 for e in first)
    assert evaluations(train(spec_of(epochs=1, sample=None), text))[0].sample is None


def test_a_prefix_outside_the_vocabulary_is_refused_before_training(time_machine: str) -> None:
    spec, text = spec_of(epochs=1, sample={"prefix": "the 日"}), corpus(time_machine)
    with pytest.raises(
        InvalidSpec, match=r"^training.sample.prefix: has characters that the corpus does not have.*'日'"
    ):
        next(train(spec, text))


def test_a_run_that_began_with_any_prefix_goes_on(time_machine: str) -> None:
    text = corpus(time_machine)
    begun = next(train(spec_of(epochs=1), text)).checkpoint()
    sample = begun.spec.training.sample
    assert sample is not None
    training = begun.spec.training.model_copy(update={"sample": sample.model_copy(update={"prefix": "the 日"})})
    earlier = replace(begun, spec=begun.spec.model_copy(update={"training": training}))
    assert evaluations(train(earlier.spec, text, resume=earlier))[0].sample is not None


def test_a_corpus_that_is_too_short_is_refused_before_training() -> None:
    with pytest.raises(InvalidSpec, match=r"training\.num_steps"):
        next(train(spec_of(num_steps=100), corpus("x" * 3000, 100)))


# -- Comparable variants ------------------------------------------------------------------------------------------


def test_variants_see_the_same_batches_and_start_from_the_same_shared_weights(time_machine: str, seed: int) -> None:
    starts = []
    for cell in CELLS:
        started = next(train(spec_of({"cell": cell}, seed=seed), corpus(time_machine)))
        starts.append(started.checkpoint().weights)
    for weights in starts[1:]:
        shared = [name for name in weights if name in starts[0] and weights[name].shape == starts[0][name].shape]
        assert {"weight_head", "bias_head"} <= set(shared)
        assert all(np.array_equal(weights[name], starts[0][name]) for name in shared)


# -- Clipping and diverging ---------------------------------------------------------------------------------------


def change(spec: RunSpec, text: str) -> Tensor:
    """The change of the parameters in the first step, as one vector."""
    events = train(spec, corpus(text))
    before, after = (next(events).checkpoint().weights for _ in range(2))
    parts = [(after[name] - before[name]).flatten() for name in before]
    return torch.from_numpy(np.concatenate(parts)).double()


def test_clip_norm_bounds_the_step(time_machine: str) -> None:
    free, bound = (
        change(spec_of({"init": {"normal": 0.5}}, optimizer={"kind": "sgd", "lr": 1}, clip_norm=c), time_machine)
        for c in (None, 0.01)
    )
    assert free.norm() > 0.02, "without a bound the step is longer, or this test shows nothing"
    # Weights are single precision, and some larger than 1, so each of their differences has their rounding error.
    assert_rounded(bound.norm().item(), 0.01, terms=1, scale=2 * len(bound) ** 0.5, dtype=torch.float32)
    assert torch.dot(free, bound) / (free.norm() * bound.norm()) > 0.999


def test_a_norm_under_the_bound_is_left_alone(time_machine: str) -> None:
    free, bound = (change(spec_of(optimizer={"kind": "sgd", "lr": 1}, clip_norm=c), time_machine) for c in (None, 1e9))
    assert torch.equal(free, bound)


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_step(time_machine: str) -> None:
    spec = spec_of(
        {"cell": {"kind": "rnn", "activation": "relu"}, "layers": 2, "init": {"normal": 1}},
        optimizer={"kind": "sgd", "lr": 1000, "momentum": 0.99},
        clip_norm=None,
        batch_size=2,
        epochs=1000,
        sample=None,
    )
    losses: list[float] = []
    with pytest.raises(Diverged, match=r"the loss is (nan|inf)") as diverged:
        losses.extend(event.loss for event in train(spec, corpus(time_machine)) if isinstance(event, Stepped))
    assert all(map(math.isfinite, losses))
    assert f"at step {len(losses) + 1} " in str(diverged.value)


def test_a_run_whose_last_step_breaks_the_weights_has_not_succeeded() -> None:
    spec = spec_of(
        {"cell": {"kind": "rnn", "activation": "relu"}, "init": {"normal": 10}},
        num_steps=16,
        batch_size=1000,
        optimizer={"kind": "sgd", "lr": 1000},
        clip_norm=None,
        epochs=1,
        sample=None,
    )
    events: list[Event] = []
    with pytest.raises(Diverged, match=r"the validation loss is nan at step 1 \(epoch 1\)"):
        events.extend(train(spec, corpus("the cat sat on the mat. " * 100)))
    assert isinstance(events[-1], Evaluated), "what was measured is reported first"


# -- Dropout ------------------------------------------------------------------------------------------------------


def test_dropout_changes_training_and_not_evaluation(time_machine: str) -> None:
    text = corpus(time_machine)
    # With such a small rate, the first step moves nothing, so the equal initial weights are evaluated.
    still = {"optimizer": {"kind": "sgd", "lr": 1e-300}, "epochs": 1}
    runs = [list(train(spec_of({"dropout": rate}, **still), text)) for rate in (0.0, 0.9)]
    first, second = (evaluations(run)[0] for run in runs)
    assert first.validation_loss == second.validation_loss
    assert first.train_loss != second.train_loss
