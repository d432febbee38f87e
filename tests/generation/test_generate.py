"""Generation: which tokens are chosen, where a text ends, and that only the state matters."""

import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gatelab.generation.decoders import reference
from gatelab.model import LanguageModel, network_of
from gatelab.network import Array, Network, NetworkState
from gatelab.specs import CellSpec, GruSpec, Sampling
from gatelab.text import Tokenizer
from gatelab.text.tokenizers import BEGIN, SPECIALS, UNKNOWN, ByteTokenizer, CharTokenizer, Ids
from tests.generation.models import random_model, text_of, tokens
from tests.generation.plain_generation import generate
from tests.randomized import CELLS, cell_name, examples
from tests.rounding import assert_rounded, terms_of

LETTERS = CharTokenizer(" " + string.ascii_lowercase, "letters")
GRU = GruSpec(kind="gru")


@pytest.fixture
def model(random: np.random.Generator) -> LanguageModel:
    return random_model(GRU, LETTERS, random)


def logits_after(model: LanguageModel, ids: list[int]) -> torch.Tensor:
    """The predictions after `ids`, read from the beginning at once."""
    with torch.no_grad():
        logits: torch.Tensor = model(torch.tensor(ids)[:, None], model.initial_state(1))[0][-1, 0]
    return logits


# -- What is chosen -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
@pytest.mark.parametrize("tokenizer", [LETTERS, ByteTokenizer()], ids=["char", "byte"])
def test_greedy_is_the_likeliest_of_the_text_so_far(
    cell: CellSpec, tokenizer: Tokenizer, random: np.random.Generator
) -> None:
    model, prompt = random_model(cell, tokenizer, random), "it has"
    ids = [BEGIN, *tokenizer.encode(prompt).ids.tolist()]
    for token in tokens(model, tokenizer, prompt, temperature=0, max_tokens=12):
        logits = logits_after(model, ids)
        assert token.id == SPECIALS + int(logits[SPECIALS:].argmax())
        ids.append(token.id)


def test_the_seed_decides_the_text(model: LanguageModel, seed: int) -> None:
    first, again, other = (
        [token.id for token in tokens(model, LETTERS, "it", max_tokens=60, temperature=3, seed=s)]
        for s in (seed, seed, seed + 1)
    )
    assert first == again
    assert first != other


def test_without_a_seed_every_text_is_another(model: LanguageModel) -> None:
    assert len({text_of(tokens(model, LETTERS, "it", max_tokens=60, temperature=3)) for _ in range(3)}) == 3


def test_special_tokens_are_never_generated(model: LanguageModel, seed: int) -> None:
    model.bias_head.data[:SPECIALS] = 1e6
    texts = [tokens(model, LETTERS, "", temperature=how, max_tokens=50, seed=seed) for how in (0, 1, 100)]
    found = [token.id for text in texts for token in text]
    assert {BEGIN, UNKNOWN}.isdisjoint(found)


def test_a_prompt_with_unknown_characters_is_read_as_unk(random: np.random.Generator) -> None:
    few = CharTokenizer(string.ascii_lowercase, "none")
    model = random_model(GRU, few, random)
    token, *_ = tokens(model, few, "aZé", temperature=0)
    expected = logits_after(model, [BEGIN, SPECIALS, UNKNOWN, UNKNOWN])
    assert token.id == SPECIALS + int(expected[SPECIALS:].argmax())


# -- Where it ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_tokens", [1, 2, 17])
def test_it_ends_after_so_many_tokens(model: LanguageModel, max_tokens: int, seed: int) -> None:
    found = tokens(model, LETTERS, "it", max_tokens=max_tokens, seed=seed)
    assert [token.finish_reason for token in found] == [None] * (max_tokens - 1) + ["length"]
    assert text_of(found) == LETTERS.decode([token.id for token in found])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_it_ends_before_a_stop_string(model: LanguageModel, length: int, seed: int) -> None:
    how: dict[str, Any] = {"max_tokens": 60, "temperature": 3, "seed": seed}
    whole = text_of(tokens(model, LETTERS, "it", **how))
    stop = whole[20 : 20 + length]
    found = tokens(model, LETTERS, "it", stop=[stop], **how)
    assert text_of(found) == whole.partition(stop)[0]
    assert [token.finish_reason for token in found] == [None] * (len(found) - 1) + ["stop"]
    assert len(found) == whole.index(stop) + length


def test_a_stop_string_that_only_begins_is_shown_in_the_end(model: LanguageModel, seed: int) -> None:
    how: dict[str, Any] = {"max_tokens": 30, "temperature": 3, "seed": seed}
    whole = text_of(tokens(model, LETTERS, "it", **how))
    found = tokens(model, LETTERS, "it", stop=[whole[-3:] + "!"], **how)
    assert text_of(found) == whole
    assert whole.startswith(text_of(found[:-1]))
    assert found[-1].text.endswith(whole[-3:])
    assert found[-1].finish_reason == "length"


class Scripted(Network):
    """A network that generates the bytes of a text, whatever it reads."""

    def __init__(self, script: bytes) -> None:
        written = network_of(random_model(GRU, ByteTokenizer(), np.random.default_rng(0)))
        super().__init__(written.spec, written.vocabulary, written.weights)
        self.script = iter(script)

    def read(
        self, ids: Ids, state: NetworkState, between: Callable[[], object] = lambda: None
    ) -> tuple[Array, NetworkState]:
        return np.full((*ids.shape, 1), next(self.script) + SPECIALS), state

    def logits(self, outputs: Array) -> Array:
        return np.eye(self.vocabulary)[outputs[..., 0]]


def said(script: bytes, **how: Any) -> list[str]:
    return [t.text for t in tokens(Scripted(script), ByteTokenizer(), "", temperature=0, max_tokens=len(script), **how)]


def test_a_stop_string_is_found_across_characters_of_many_bytes() -> None:
    assert "".join(said("naïve café 🙂 end".encode(), stop=["é 🙂"])) == "naïve caf"
    assert said("aé".encode(), stop=["é"]) == ["a", "", ""]


@examples(100)
@given(script=st.binary(min_size=1, max_size=12))
def test_bytes_are_shown_as_whole_characters(script: bytes) -> None:
    pieces = said(script)
    shown = "".join(pieces)
    shown.encode()
    # Character by character, with invalid UTF-8 replaced; an incomplete character at the end is not shown.
    assert shown == ByteTokenizer().decode([byte + SPECIALS for byte in script])
    assert script.decode(errors="replace").startswith(shown)


# -- Nothing but the state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_a_long_prompt_is_read_as_step_by_step(
    cell: CellSpec, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = int(random.integers(2, 30))
    monkeypatch.setattr(reference, "PROMPT_CHUNK", chunk)
    model = random_model(cell, LETTERS, random)
    ids = random.integers(SPECIALS, LETTERS.vocabulary, size=2 * chunk + int(random.integers(1, chunk)))
    decoder = reference.ReferenceDecoder(network_of(model))
    found, state = decoder.predict(ids, decoder.initial_state())
    one, expected = model.initial_state(1), []
    with torch.no_grad():
        for i in ids.tolist():
            logits, one = model(torch.tensor([[i]]), one)
            expected.append(logits[0, 0])
    last = torch.stack([torch.stack([each[0] for each in layer]) for layer in one])
    assert_rounded((found, state), (torch.stack(expected), last), terms=terms_of(model, len(ids)))


@pytest.mark.parametrize("cell", CELLS, ids=cell_name)
def test_a_token_holds_the_state_to_go_on_from(cell: CellSpec, random: np.random.Generator) -> None:
    model = random_model(cell, LETTERS, random)
    whole = tokens(model, LETTERS, "it", temperature=0, max_tokens=30)
    at = int(random.integers(0, len(whole) - 1))
    rest = tokens(model, LETTERS, whole[at].text, state=whole[at].state, temperature=0, max_tokens=29 - at)
    assert [token.id for token in rest] == [token.id for token in whole[at + 1 :]]
    # From the zero state instead, the token may be the same, but not the state.
    alone = tokens(model, LETTERS, whole[at].text, temperature=0, max_tokens=1)
    assert not np.array_equal(alone[0].state[0][0], rest[0].state[0][0])


def test_a_state_can_be_forked(model: LanguageModel) -> None:
    token, *_ = tokens(model, LETTERS, "it", temperature=0)
    before = [t.copy() for of_layer in token.state for t in of_layer]
    first, second = (tokens(model, LETTERS, "as", state=token.state, seed=7, max_tokens=9) for _ in range(2))
    assert text_of(first) == text_of(second)
    assert all(np.array_equal(a, b) for a, b in zip(before, (t for s in token.state for t in s), strict=True))


def test_an_empty_prompt_begins_a_text(model: LanguageModel) -> None:
    token, *_ = tokens(model, LETTERS, "", temperature=0)
    assert token.id == SPECIALS + int(logits_after(model, [BEGIN])[SPECIALS:].argmax())


def test_a_state_needs_a_prompt(model: LanguageModel) -> None:
    network = network_of(model)
    with pytest.raises(ValueError, match="needs a prompt"):
        next(generate(network, LETTERS, "", Sampling(), state=network.initial_state(1)))


def test_tokens_come_one_by_one(model: LanguageModel) -> None:
    endless = generate(network_of(model), LETTERS, "it", Sampling(max_tokens=10_000_000, temperature=0))
    assert next(endless).finish_reason is None
