"""Decoders choose the same tokens as the reference, alone, together, in one call or in many."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gatelab.generation import build_decoder, continuation, score, stream_of
from gatelab.generation.decoders import Decoded, Decoder, NativeDecoder, ReferenceDecoder, Stream
from gatelab.generation.decoders.base import Floats
from gatelab.model import LanguageModel, network_of
from gatelab.specs import CellSpec, GruSpec, LstmSpec, ModelSpec, Sampling
from gatelab.text.tokenizers import BEGIN, SPECIALS, ByteTokenizer, CharTokenizer
from tests.generation.decisive_tokens import clear_choice, clear_tokens
from tests.generation.models import native, reference
from tests.generation.plain_generation import generate
from tests.randomized import CELLS, cell_name, random, seed, seeds
from tests.rounding import assert_rounded, largest, rounding, scale_of, terms_of

__all__ = ["random", "seed"]

VOCABULARY = 37
REMEMBERED = 10
"""The number of past steps that matter to an untrained network."""
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
    """The tokens chosen in calls of this number of steps."""
    found = [decoder.decode([stream], steps, logits=True)[0] for steps in calls]
    logits = [each.logits for each in found if each.logits is not None]
    return Decoded(np.concatenate([each.ids for each in found]), np.concatenate(logits))


def prompt_of(random: np.random.Generator, length: int = 5) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return random.integers(SPECIALS, VOCABULARY, size=length, dtype=np.int64)


# -- The native decoder is the reference's equal ------------------------------------------------------------------


@seeds(1495435754)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"hidden-{shape['hidden']}")
@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_logits_and_states_are_the_models(
    cell: CellSpec, shape: dict[str, Any], random: np.random.Generator, seed: int
) -> None:
    """Each step is compared with one from the same state: a random network may be chaotic, one step is not."""
    model = model_of(cell, seed, **shape)
    mine_of = native(model)
    prompt, state = np.concatenate([[BEGIN], prompt_of(random)]), mine_of.initial_state()
    mine, begun = [], []

    def judge(logits: Floats, after: Floats, token: int) -> None:
        mine.append((logits, after.copy()))
        begun.append((np.array([token]), state))

    def steps_of(model: LanguageModel) -> object:
        decoder = reference(model)
        return [decoder.predict(*at) for at in begun]

    for token in prompt[:-1]:
        after = mine_of.read(np.array([token]), state)
        judge(mine_of.predict(np.array([token]), state)[0], after, token)
        state = after
    stream = stream_of(mine_of, prompt[1:], how_of(seed))
    np.testing.assert_array_equal(stream.state, state)
    for _ in range(20):
        state, token = stream.state.copy(), stream.token
        found = decode(mine_of, stream, 1)
        assert found.logits is not None
        judge(found.logits, stream.state, token)
        assert stream.token == found.ids[-1]
    exact = copy.deepcopy(model).double()
    scale = scale_of(steps_of, exact, random)
    assert_rounded(mine, steps_of(exact), terms=terms_of(model, 1), scale=scale, dtype=torch.float32)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("cell", [GruSpec(kind="gru"), LstmSpec(kind="lstm")], ids=cell_name)
def test_each_token_is_the_one_that_the_reference_would_choose(
    cell: CellSpec, how: str, random: np.random.Generator, seed: int
) -> None:
    model, sampling, prompt = model_of(cell, seed), how_of(seed, **HOWS[how]), prompt_of(random)
    decoder = native(model)
    found = decode(decoder, stream_of(decoder, prompt, sampling), 200)
    again, clear = stream_of(decoder, prompt, sampling), 0
    assert found.logits is not None
    # The logits are the same; the native weights of the tokens are sums in single precision.
    apart = rounding(VOCABULARY, largest(found.logits), torch.float32)
    for token, logits in zip(found.ids, found.logits, strict=True):
        expected = clear_choice(logits, again, again.random.random() if sampling.temperature else 0, apart)
        assert expected in (token, None)
        clear += expected is not None
        if again.seen is not None:
            again.seen[token] = 1
    assert clear > 150
    assert (found.ids >= SPECIALS).all()


def test_both_write_the_same_text(random: np.random.Generator, seed: int) -> None:
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=9)), VOCABULARY)
    model.initialize(seed)
    prompt, how, decoder = prompt_of(random), how_of(seed, temperature=0, max_tokens=60), native(model)
    expected = clear_tokens(reference(model), prompt, how, terms_of(model, 65))
    found = decode(decoder, stream_of(decoder, prompt, how), 60).ids
    np.testing.assert_array_equal(found[: len(expected)], expected)


# -- However it is asked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [native, reference])
def test_calls_of_any_length_write_the_same(
    kind: Callable[[LanguageModel], Decoder], random: np.random.Generator, seed: int
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
    decoder = native(model_of(GruSpec(kind="gru", reset="after"), seed, hidden=21, layers=2), threads)
    asked = [(prompt_of(random, 1 + i % 4), how_of(seed + i, temperature=0.5 + i / 10)) for i in range(count)]
    alone = [decode(decoder, stream_of(decoder, *each), 15) for each in asked]
    together = decoder.decode([stream_of(decoder, *each) for each in asked], 15, logits=True)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.logits, other.logits)


def test_the_reference_writes_many_texts_at_once(random: np.random.Generator, seed: int) -> None:
    model, how = model_of(LstmSpec(kind="lstm"), seed, layers=2), how_of(seed, temperature=0)
    decoder, prompts = reference(model), [prompt_of(random, 1 + i) for i in range(4)]
    alone, together = ([stream_of(decoder, prompt, how) for prompt in prompts] for _ in range(2))
    expected = [decode(decoder, stream, 1).logits for stream in alone]
    found = [each.logits for each in decoder.decode(together, 1, logits=True)]
    states = [[stream.state for stream in streams] for streams in (together, alone)]
    assert_rounded((found, states[0]), (expected, states[1]), terms=terms_of(model, 1))
    for stream, logits in zip(together, found, strict=True):
        assert logits is not None
        assert stream.token == SPECIALS + logits[-1, SPECIALS:].argmax()


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
        for decoder in (native(model, threads) for threads in (1, 2, 3))
    )
    for found in others:
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            np.testing.assert_array_equal(one.logits, other.logits)


@pytest.mark.parametrize("kind", [native, reference])
def test_reading_in_pieces_is_reading(
    kind: Callable[[LanguageModel], Decoder], random: np.random.Generator, seed: int
) -> None:
    model, ids = model_of(GruSpec(kind="gru"), seed, layers=2), prompt_of(random, 40)
    decoder, terms = kind(model), terms_of(model, 40)
    whole = decoder.read(ids, decoder.initial_state())
    halves = decoder.read(ids[13:], decoder.read(ids[:13], decoder.initial_state()))
    assert_rounded(halves, whole, terms=terms)
    np.testing.assert_array_equal(decoder.read(ids[:0], whole), whole)
    assert_rounded(decoder.predict(ids, decoder.initial_state())[1], whole, terms=terms)


# -- Who else uses it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"repetition_penalty": 1.7}, {"logit_bias": {3: 4.0, 9: -100.0}}], ids=str)
def test_a_continuation_is_what_generate_writes(more: dict[str, Any], random: np.random.Generator, seed: int) -> None:
    tokenizer = CharTokenizer(" abcdefghijklmnopqrstuvwxyz", "letters")
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), tokenizer.vocabulary)
    model.initialize(seed)
    decoder, how = build_decoder(network_of(model)), how_of(seed, max_tokens=50, stop=("e", "qu"), **more)
    expected = "".join(token.text for token in generate(network_of(model), tokenizer, "it has", how))
    found = continuation(decoder, tokenizer, "it has", how)
    clear = len(clear_tokens(decoder, tokenizer.encode("it has").ids, how, terms_of(model, REMEMBERED)))
    assert found[:clear] == expected[:clear]


def test_a_score_is_the_loss_of_the_model(random: np.random.Generator, seed: int) -> None:
    tokenizer = ByteTokenizer()
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), tokenizer.vocabulary)
    model.initialize(seed)
    text = tokenizer.encode("it has, or a ☃ has " * 200)  # more than is judged at once
    ids = torch.from_numpy(np.concatenate([[BEGIN], text.ids]))[:, None]
    with torch.no_grad():
        logits = model(ids[:-1], model.initial_state(1))[0][:, 0]
    expected = -torch.nn.functional.cross_entropy(logits.double(), ids[1:, 0], reduction="none")
    loss = -float(expected.mean())
    bits = loss / np.log(2) * len(text.ids) / len("it has, or a ☃ has " * 200)
    for decoder in (native(model), reference(model)):
        found = score(decoder, text)
        terms = terms_of(model, REMEMBERED)
        assert_rounded(found.log_probabilities, expected, terms=terms, dtype=torch.float32)
        assert_rounded((found.loss, found.bits_per_character), (loss, bits), terms=terms, dtype=torch.float32)
        assert found.perplexity == pytest.approx(np.exp(found.loss))
    assert score(reference(model), tokenizer.encode("")).loss == 0


def test_a_model_in_double_precision_is_decoded_by_the_reference(seed: int) -> None:
    model = model_of(GruSpec(kind="gru"), seed)
    assert isinstance(build_decoder(network_of(model)), NativeDecoder)
    assert isinstance(build_decoder(network_of(model.double())), ReferenceDecoder)
