"""Decoders choose what the reference would, token by token; alone, together, in one call or in many."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.generation import build_decoder, continuation, generate, score, stream_of
from gatelab.generation.decoders import Decoded, Decoder, NativeDecoder, Stream, TorchDecoder
from gatelab.generation.decoders.base import Floats
from gatelab.generation.sampling import choose
from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, GruSpec, LstmSpec, ModelSpec, Sampling
from gatelab.text.tokenizers import BEGIN, SPECIALS, ByteTokenizer
from tests.randomized import CELLS, cell_name, random, seed

__all__ = ["random", "seed"]

VOCABULARY = 37
SHAPES: list[dict[str, Any]] = [{"hidden": 1}, {"hidden": 9, "layers": 2}, {"hidden": 33, "input": {"embedding": 5}}]
HOWS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "plain": {},
    "hot": {"temperature": 2.5},
    "cold": {"temperature": 1e-3},
    "top-k": {"top_k": 4},
    "top-p": {"top_p": 0.6},
    "min-p": {"min_p": 0.2, "temperature": 1.5},
    "all": {"top_k": 20, "top_p": 0.9, "min_p": 0.01, "temperature": 0.8},
    "penalty": {"repetition_penalty": 1.7},
    "greedy-penalty": {"repetition_penalty": 0.6, "temperature": 0},
    "bias": {"logit_bias": {2: 5.0, 9: -100.0}, "top_k": 10},
}


def model_of(cell: CellSpec, seed: int, hidden: int = 9, **fields: Any) -> LanguageModel:
    spec = ModelSpec.model_validate({"cell": cell.model_copy(update={"hidden": hidden}), **fields})
    model = LanguageModel(spec, VOCABULARY)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.normal_(0, 1.5 * hidden**-0.5, generator=generator)
    return model


def how_of(seed: int, **fields: Any) -> Sampling:
    return Sampling.model_validate({"seed": seed, **fields})


def decode(decoder: Decoder, stream: Stream, *calls: int) -> Decoded:
    """What is chosen in calls of so many steps."""
    found = [decoder.decode([stream], steps, logits=True)[0] for steps in calls]
    logits = [each.logits for each in found if each.logits is not None]
    return Decoded(np.concatenate([each.ids for each in found]), np.concatenate(logits))


def assert_near(found: Floats, expected: Floats) -> None:
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def prompt_of(random: np.random.Generator, length: int = 5) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return random.integers(SPECIALS, VOCABULARY, size=length, dtype=np.int64)


# -- The native decoder is the reference's equal ------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"hidden-{shape['hidden']}")
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_logits_and_states_are_the_models(
    cell: CellSpec, shape: dict[str, Any], random: np.random.Generator, seed: int
) -> None:
    model = model_of(cell, seed, **shape)
    native, reference = NativeDecoder(model), TorchDecoder(copy.deepcopy(model).double())
    prompt = prompt_of(random)
    stream = stream_of(native, prompt, how_of(seed))
    found = decode(native, stream, 20)
    # The same text again, as the model reads it.
    state, text = reference.initial_state(), np.concatenate([[BEGIN], prompt, found.ids])
    logits, after = reference.predict(text[:-1], state)
    assert found.logits is not None
    assert_near(found.logits, logits[len(prompt) :])
    assert_near(stream.state, after)
    assert stream.token == found.ids[-1]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("cell", [GruSpec(kind="gru"), LstmSpec(kind="lstm")], ids=cell_name)
def test_each_token_is_the_one_that_the_reference_would_choose(
    cell: CellSpec, how: str, random: np.random.Generator, seed: int
) -> None:
    model, sampling, prompt = model_of(cell, seed), how_of(seed, **HOWS[how]), prompt_of(random)
    native = NativeDecoder(model)
    found = decode(native, stream_of(native, prompt, sampling), 200)
    again = stream_of(native, prompt, sampling)
    assert found.logits is not None
    for token, logits in zip(found.ids, found.logits, strict=True):
        assert token == choose(logits, sampling, again.random, again.seen, again.bias)
        if again.seen is not None:
            again.seen[token] = 1
    assert (found.ids >= SPECIALS).all()


def test_both_write_the_same_text(random: np.random.Generator, seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), seed)
    prompt = prompt_of(random)
    native, reference = (
        decode(decoder, stream_of(decoder, prompt, how_of(seed, temperature=0)), 60).ids
        for decoder in (NativeDecoder(model), TorchDecoder(model))
    )
    np.testing.assert_array_equal(native, reference)


# -- However it is asked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NativeDecoder, TorchDecoder])
def test_calls_of_any_length_write_the_same(
    kind: type[TorchDecoder] | type[NativeDecoder], random: np.random.Generator, seed: int
) -> None:
    decoder, prompt = kind(model_of(LstmSpec(kind="lstm"), seed)), prompt_of(random)
    how = how_of(seed, repetition_penalty=1.2)
    one, many = (decode(decoder, stream_of(decoder, prompt, how), *calls) for calls in ([12], [1, 3, 1, 7]))
    np.testing.assert_array_equal(one.ids, many.ids)
    np.testing.assert_array_equal(one.logits, many.logits)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [2, 8, 16, 64])
def test_a_text_is_the_same_alone_and_in_a_batch(
    count: int, threads: int, random: np.random.Generator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.generation.decoders.native.LIGHT", 1)
    decoder = NativeDecoder(model_of(GruSpec(kind="gru", reset="after"), seed, hidden=21, layers=2), threads)
    asked = [(prompt_of(random, 1 + i % 4), how_of(seed + i, temperature=0.5 + i / 10)) for i in range(count)]
    alone = [decode(decoder, stream_of(decoder, *each), 15) for each in asked]
    together = decoder.decode([stream_of(decoder, *each) for each in asked], 15, logits=True)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.logits, other.logits)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"hidden-{shape['hidden']}")
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_threads_that_share_a_step_write_what_one_writes(
    cell: CellSpec, shape: dict[str, Any], random: np.random.Generator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("LIGHT", "WIDE"):
        monkeypatch.setattr(f"gatelab.generation.decoders.native.{limit}", 1)
    model, asked = model_of(cell, seed, **shape), [(prompt_of(random), how_of(seed + i)) for i in range(5)]
    expected, *others = (
        decoder.decode([stream_of(decoder, *each) for each in asked], 12, logits=True)
        for decoder in (NativeDecoder(model, threads) for threads in (1, 2, 3))
    )
    for found in others:
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            np.testing.assert_array_equal(one.logits, other.logits)


@pytest.mark.parametrize("kind", [NativeDecoder, TorchDecoder])
def test_reading_in_pieces_is_reading(
    kind: type[TorchDecoder] | type[NativeDecoder], random: np.random.Generator, seed: int
) -> None:
    decoder, ids = kind(model_of(GruSpec(kind="gru"), seed, layers=2)), prompt_of(random, 40)
    whole = decoder.read(ids, decoder.initial_state())
    halves = decoder.read(ids[13:], decoder.read(ids[:13], decoder.initial_state()))
    np.testing.assert_allclose(whole, halves, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(decoder.read(ids[:0], whole), whole)
    np.testing.assert_allclose(decoder.predict(ids, decoder.initial_state())[1], whole, rtol=1e-5, atol=1e-6)


# -- Who else uses it ---------------------------------------------------------------------------------------------


def test_a_continuation_is_what_generate_writes(random: np.random.Generator, seed: int) -> None:
    tokenizer = ByteTokenizer()
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), tokenizer.vocabulary)
    model.initialize(seed)
    how = Sampling(max_tokens=50, seed=seed, stop=("\x01\x02",))
    expected = "".join(token.text for token in generate(model, tokenizer, "it has", how))
    assert continuation(build_decoder(model), tokenizer, "it has", how) == expected


def test_a_score_is_the_loss_of_the_model(random: np.random.Generator, seed: int) -> None:
    tokenizer = ByteTokenizer()
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), tokenizer.vocabulary)
    model.initialize(seed)
    text = tokenizer.encode("it has, or a ☃ has " * 200)  # more than is judged at once
    ids = torch.from_numpy(np.concatenate([[BEGIN], text.ids]))[:, None]
    with torch.no_grad():
        logits = model(ids[:-1], model.initial_state(1))[0][:, 0]
    expected = -torch.nn.functional.cross_entropy(logits.double(), ids[1:, 0], reduction="none")
    for decoder in (NativeDecoder(model), TorchDecoder(model)):
        found = score(decoder, text)
        np.testing.assert_allclose(found.log_probabilities, expected, rtol=1e-4, atol=1e-5)
        assert found.loss == pytest.approx(-float(expected.mean()), rel=1e-5)
        assert found.perplexity == pytest.approx(np.exp(found.loss))
        nats = -float(expected.sum())
        assert found.bits_per_character == pytest.approx(nats / np.log(2) / len("it has, or a ☃ has " * 200), rel=1e-5)
    assert score(TorchDecoder(model), tokenizer.encode("")).loss == 0


def test_a_model_in_double_precision_is_decoded_by_the_reference(seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), seed)
    assert isinstance(build_decoder(model), NativeDecoder)
    assert isinstance(build_decoder(model.double()), TorchDecoder)
