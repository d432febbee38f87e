"""Infinities and NaN: a model that has or computes them returns nothing, and other texts continue."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.errors import NotFinite
from gatelab.export import weights
from gatelab.generation import Batcher, Text, score, stream_of, write
from gatelab.generation.decoders import Decoded, Decoder, NativeDecoder, ReferenceDecoder
from gatelab.generation.sampling import choose
from gatelab.model import LanguageModel, model_of, network_of
from gatelab.network import Network
from gatelab.specs import CellSpec, LstmSpec, ModelSpec, RnnSpec, Sampling
from gatelab.text.tokenizers import SPECIALS, CharTokenizer
from tests.export.checkpoints import checkpoint_of
from tests.generation.models import native, reference
from tests.generation.plain_generation import generate
from tests.randomized import CELLS, cell_name, random, seed

__all__ = ["random", "seed"]

KINDS = pytest.mark.parametrize("kind", [native, reference])
NUMBERS = pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
TOKENIZER = CharTokenizer("ab", "none")
A, B = SPECIALS, SPECIALS + 1
GREEDY = Sampling(temperature=0, max_tokens=20)
SOUND = 4
"""The number of steps after an `a` with a finite state: 1, 1e10, 1e20, 1e30."""


@pytest.fixture
def growing() -> LanguageModel:
    """Every unit is 1 after an `a`, and grows by 1e10 with every other token. The model predicts a `b`."""
    model = LanguageModel(
        ModelSpec(cell=RnnSpec(kind="rnn", hidden=3, activation="relu"), layers=2), TOKENIZER.vocabulary
    )
    for name, parameter in model.named_parameters():
        parameter.data.zero_()
        if name.startswith("cells.0") and parameter.shape == (3, 3):
            parameter.data.copy_(1e10 * torch.eye(3))
        if name.startswith("cells.0") and parameter.shape == (TOKENIZER.vocabulary, 3):
            parameter.data[A] = 1
    model.bias_head.data[B] = 1
    return model


@pytest.mark.parametrize("door", [Network.of, model_of, weights])
@NUMBERS
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_a_checkpoint_with_a_weight_that_is_not_finite_makes_no_model(
    door: Callable[[Checkpoint], object], number: float, cell: CellSpec, random: np.random.Generator
) -> None:
    checkpoint = checkpoint_of(cell, TOKENIZER, 3)
    names = sorted(checkpoint.weights)
    name = names[int(random.integers(len(names)))]
    spoiled = checkpoint.weights[name].reshape(-1)
    spoiled[int(random.integers(len(spoiled)))] = number
    with pytest.raises(NotFinite, match=f"weights.{name} of the checkpoint of step 7 is not finite"):
        door(checkpoint)


@pytest.mark.parametrize("kind", [NativeDecoder, ReferenceDecoder])
def test_each_weight_is_looked_at_once(kind: Callable[[Network], Decoder], monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = checkpoint_of(CELLS[0], TOKENIZER, 3)
    looked: list[int] = []
    finite = np.isfinite

    def counted(array: Any) -> Any:
        looked.append(np.size(array))
        return finite(array)

    monkeypatch.setattr(np, "isfinite", counted)
    kind(Network.of(checkpoint))
    assert sum(looked) == sum(array.size for array in checkpoint.weights.values())


@KINDS
def test_a_text_ends_where_its_state_is_no_number_and_the_others_go_on(
    kind: Callable[[LanguageModel], Decoder], growing: LanguageModel
) -> None:
    decoder = kind(growing)
    prompts = [np.array([token]) for token in (B, A, B)]
    found = decoder.decode([stream_of(decoder, prompt, GREEDY) for prompt in prompts], 20, logits=True)
    assert [each.fault is None for each in found] == [True, False, True]
    assert [len(each.ids) for each in found] == [20, SOUND, 20]
    for each in found:
        assert each.logits is not None
        assert len(each.logits) == len(each.ids)
        assert np.isfinite(each.logits).all()
        assert set(each.ids.tolist()) == {B}


@KINDS
def test_a_fault_behind_what_is_wanted_is_none(
    kind: Callable[[LanguageModel], Decoder], growing: LanguageModel
) -> None:
    decoder = kind(growing)
    [found] = decoder.decode([stream_of(decoder, np.array([A]), GREEDY)], 20)
    assert found.first(SOUND).fault is None
    assert found.first(SOUND + 1).fault is not None
    # The same for a text that ends there before a stop string.
    how = GREEDY.model_copy(update={"stop": ("b" * SOUND,)})
    assert Text(TOKENIZER, how, np.array([A])).add(found).finish_reason == "stop"
    with pytest.raises(NotFinite):
        Text(TOKENIZER, GREEDY, np.array([A])).add(found)


@KINDS
@pytest.mark.parametrize("layers", [1, 2])
def test_the_cell_of_an_lstm_is_looked_at(kind: Callable[[LanguageModel], Decoder], layers: int) -> None:
    """Its results are finite all the same."""
    model = LanguageModel(ModelSpec(cell=LstmSpec(kind="lstm", hidden=2), layers=layers), TOKENIZER.vocabulary)
    model.initialize(1)
    decoder = kind(model)
    stream = stream_of(decoder, np.zeros(0, np.int64), GREEDY)
    stream.state[0, 1, 1] = np.inf
    [found] = decoder.decode([stream], 3)
    assert (len(found.ids), found.fault is None) == (0, False)
    with pytest.raises(NotFinite):
        decoder.read(np.array([A]), stream.state)


@KINDS
def test_reading_and_judging_are_refused(kind: Callable[[LanguageModel], Decoder], growing: LanguageModel) -> None:
    decoder = kind(growing)
    sound, broken = TOKENIZER.encode("a" + "b" * (SOUND - 1)), TOKENIZER.encode("a" + "b" * (SOUND + 1))
    assert np.isfinite(score(decoder, sound).log_probabilities).all()
    with pytest.raises(NotFinite):
        score(decoder, broken)
    with pytest.raises(NotFinite):
        decoder.read(broken.ids, decoder.initial_state())
    with pytest.raises(NotFinite):
        stream_of(decoder, broken.ids, GREEDY)


@KINDS
def test_logits_that_are_too_large_are_refused(
    kind: Callable[[LanguageModel], Decoder], growing: LanguageModel
) -> None:
    growing.bias_head.data[B] = 3e38
    large = next(p for p in growing.parameters() if p.shape == (3, TOKENIZER.vocabulary))
    large.data[:, B] = 3e38
    for name, parameter in growing.named_parameters():
        if name.startswith("cells.1") and parameter.shape == (3,):
            parameter.data[:] = 1
    decoder = kind(growing)
    [found] = decoder.decode([stream_of(decoder, np.array([B]), GREEDY)], 3)
    assert (len(found.ids), found.fault is None) == (0, False)
    with pytest.raises(NotFinite, match="logits that are not finite"):
        decoder.predict(np.array([B]), decoder.initial_state())
    with pytest.raises(NotFinite):
        list(generate(network_of(growing), TOKENIZER, "b", GREEDY))


@NUMBERS
def test_nothing_is_chosen_from_what_is_no_number(number: float, random: np.random.Generator) -> None:
    for how in (Sampling(), GREEDY):
        with pytest.raises(NotFinite):
            choose(np.array([0, 0, 1, number]), how, random)


@KINDS
@pytest.mark.parametrize("temperature", [0, 1])
def test_the_smallest_penalty_leaves_numbers(
    kind: Callable[[LanguageModel], Decoder], temperature: float, growing: LanguageModel
) -> None:
    decoder = kind(growing)
    how = Sampling(temperature=temperature, max_tokens=8, repetition_penalty=5e-324, seed=1)
    [found] = decoder.decode([stream_of(decoder, np.array([B]), how)], 8)
    assert (found.ids.tolist(), found.fault) == ([B] * 8, None)


@KINDS
def test_a_text_that_breaks_is_told_and_its_neighbour_is_written(
    kind: Callable[[LanguageModel], Decoder], growing: LanguageModel
) -> None:
    batcher, decoder = Batcher(), kind(growing)

    async def text(prompt: str) -> str:
        ids = TOKENIZER.encode(prompt).ids
        pieces = write(batcher, decoder, stream_of(decoder, ids, GREEDY), Text(TOKENIZER, GREEDY, ids))
        return "".join([piece.text async for piece in pieces])

    async def both() -> tuple[str | BaseException, str | BaseException]:
        return await asyncio.gather(text("a"), text("b"), return_exceptions=True)

    broken, written = asyncio.run(both())
    assert isinstance(broken, NotFinite)
    assert written == "b" * 20
    assert not batcher._active or all(each.dropped for each in batcher._active)


def test_what_is_cut_off_keeps_its_fault_behind_it() -> None:
    fault = NotFinite("x")
    decoded = Decoded(np.array([A, B]), None, fault)
    assert [decoded.first(count).fault for count in (0, 2, 3)] == [None, None, fault]
