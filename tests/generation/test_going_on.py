"""A text generated in parts, each from the session of the part before, equals the text generated at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.generation import Batcher, Decoder, Sealer, Session, Text, stream_of, write
from gatelab.generation.decoders import ReferenceDecoder
from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, GruSpec, LstmSpec, ModelSpec, RnnSpec, Sampling
from gatelab.specs.model import CharTokenizerSpec, TokenizerSpec
from gatelab.text import Tokenizer
from gatelab.text.tokenizers import SPECIALS, ByteTokenizer, Ids, train_tokenizer
from tests.generation.models import native, reference
from tests.generation.test_generate import Scripted
from tests.randomized import examples

SEALER = Sealer(b"key")
LEARNED_FROM = " ab€日\N{REPLACEMENT CHARACTER}🙂 abab ba€ ab " * 4
KINDS = {
    kind: spec
    for spec in get_args(get_args(TokenizerSpec)[0])
    for kind in get_args(spec.model_fields["kind"].annotation)
}
"""Every kind of tokenizer in specs."""
SPECS: list[TokenizerSpec] = [
    *(spec(kind=kind) for kind, spec in KINDS.items()),
    CharTokenizerSpec(kind="char", normalize="letters"),
]
TOKENIZERS: dict[str, Tokenizer] = {
    "letters" if getattr(spec, "normalize", "none") == "letters" else spec.kind: train_tokenizer(spec, LEARNED_FROM)
    for spec in SPECS
}
PIECES_OF_BYTES = ("byte", "bpe", "unigram")
"""Tokenizers whose first tokens are the 256 bytes."""
CELLS: list[CellSpec] = [
    GruSpec(kind="gru", hidden=7),
    LstmSpec(kind="lstm", hidden=7),
    RnnSpec(kind="rnn", hidden=7, activation="tanh"),
]
DECODERS: list[Callable[[LanguageModel], Decoder]] = [native, reference]
BYTES = sorted(set("ab é€🙂".encode()))
"""Characters of one to four bytes in any order, so that many are cut in the middle."""


def model_of(cell: CellSpec, tokenizer: Tokenizer, seed: int) -> LanguageModel:
    model = LanguageModel(ModelSpec(cell=cell), tokenizer.vocabulary)
    model.initialize(seed)
    for parameter in model.parameters():
        parameter.data *= 3  # what is predicted is far from uniform
    return model


MODELS = {
    (name, kind, cell.kind): (tokenizer, kind(model_of(cell, tokenizer, 5)))
    for name, tokenizer in TOKENIZERS.items()
    for kind in DECODERS
    for cell in CELLS
}


AFTER = b"????"
"""The message if a text that ended before a stop string is read once more."""


@dataclass
class Written:
    """The client's view of a text: everything that it received, and the state from which it can continue."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    reason: str | None = None
    session: Session | None = None

    @property
    def all(self) -> str:
        """The text, including what was held back at the end."""
        return self.text + (self.session.undecided.held if self.session else "")


async def part(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling, session: Session | None) -> Written:
    ids = tokenizer.encode(prompt).ids
    stream = stream_of(decoder, ids, how, session=session)
    pieces = write(Batcher(), decoder, stream, Text(tokenizer, how, ids, session))
    found = [piece async for piece in pieces]
    after = pieces.session() if session else None
    all_ids = [token for piece in found for token in piece.ids.tolist()]
    return Written("".join(piece.text for piece in found), all_ids, found[-1].finish_reason, after)


def whole(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling) -> Written:
    return asyncio.run(part(decoder, tokenizer, prompt, how, None))


def in_parts(decoder: Decoder, tokenizer: Tokenizer, prompt: str, how: Sampling, lengths: list[int]) -> Written:
    """The text in parts of this number of tokens; only a sealed token connects one part with the next."""

    async def all_of_them() -> Written:
        found = Written(session=Session.begin(decoder, "run-1", 3))
        for number, length in enumerate(lengths):
            asked = how.model_copy(update={"max_tokens": length})
            assert found.session is not None
            session = SEALER.open(SEALER.seal(found.session))
            assert session.fits(decoder)
            now = await part(decoder, tokenizer, "" if number else prompt, asked, session)
            found = Written(found.text + now.text, found.ids + now.ids, now.reason, now.session)
            if now.reason == "stop":
                break
        return found

    return asyncio.run(all_of_them())


ALWAYS: dict[str, st.SearchStrategy[Any]] = {
    "seed": st.integers(0, 2**53 - 1),
    "temperature": st.sampled_from([0.0, 0.3, 1.0, 5.0]),
}
SOMETIMES: dict[str, st.SearchStrategy[Any]] = {
    "repetition_penalty": st.sampled_from([0.6, 1.3, 4.0]),
    "top_k": st.integers(1, 9),
    "top_p": st.sampled_from([0.5, 0.9]),
    "min_p": st.sampled_from([0.01, 0.2]),
    "logit_bias": st.dictionaries(st.integers(0, 5), st.floats(-9, 9, width=16), max_size=3),
}
hows = st.fixed_dictionaries(ALWAYS, optional=SOMETIMES)
lengths_of_parts = st.lists(st.integers(1, 9), min_size=2, max_size=6) | st.lists(st.just(1), min_size=2, max_size=24)


@examples(150)
@given(
    name=st.sampled_from(sorted(TOKENIZERS)),
    kind=st.sampled_from(DECODERS),
    cell=st.sampled_from(CELLS),
    prompt=st.sampled_from(["", "a", "ab€日 🙂", "abcdef"]),
    how=hows,
    lengths=lengths_of_parts,
    stop=st.none() | st.tuples(st.floats(0, 1), st.integers(1, 6), st.text("ab ", max_size=2)),
)
def test_any_split_of_a_text_is_the_text(
    name: str,
    kind: Callable[[LanguageModel], Decoder],
    cell: CellSpec,
    prompt: str,
    how: dict[str, Any],
    lengths: list[int],
    stop: tuple[float, int, str] | None,
) -> None:
    tokenizer, decoder = MODELS[name, kind, cell.kind]
    bias = {token: value for token, value in how.get("logit_bias", {}).items() if token < tokenizer.vocabulary}
    if name in PIECES_OF_BYTES:
        bias |= {byte + SPECIALS: 9.0 for byte in BYTES}
    sampling = Sampling.model_validate({**how, "logit_bias": bias, "max_tokens": sum(lengths)})
    expected = whole(decoder, tokenizer, prompt, sampling)
    if stop is not None and expected.text:
        place, length, more = stop
        at = int(place * (len(expected.text) - 1))
        # One stop string that occurs, perhaps across a border, and one that perhaps only begins.
        words = (expected.text[at : at + length], expected.text[at : at + 2] + more + "?")
        sampling = sampling.model_copy(update={"stop": words})
        expected = whole(decoder, tokenizer, prompt, sampling)
    found = in_parts(decoder, tokenizer, prompt, sampling, lengths)
    assert (found.ids, found.all, found.reason) == (expected.ids, expected.text, expected.reason)


def test_every_tokenizer_and_every_field_of_sampling_is_split() -> None:
    assert {tokenizer.to_json()["kind"] for tokenizer in TOKENIZERS.values()} == set(KINDS)
    assert {*ALWAYS, *SOMETIMES, "max_tokens", "stop"} == set(Sampling.model_fields)


@pytest.mark.parametrize("kind", DECODERS)
def test_twenty_and_twenty_tokens_are_forty(kind: Callable[[LanguageModel], Decoder]) -> None:
    tokenizer, decoder = MODELS["byte", kind, "gru"]
    for how in ({"repetition_penalty": 1.3, "temperature": 0}, {"seed": 7}):
        sampling = Sampling.model_validate({**how, "max_tokens": 40})
        expected = whole(decoder, tokenizer, "ab", sampling)
        assert in_parts(decoder, tokenizer, "ab", sampling, [20, 20]).ids == expected.ids
        assert len(set(expected.ids)) > 1


def test_a_character_is_shown_when_its_last_byte_comes() -> None:
    text = "文字符很好。€a "
    # The first byte stands for the text that follows before the end of the prompt.
    decoder, how = ReferenceDecoder(Scripted(b"?" + text.encode())), Sampling(temperature=0)
    found = in_parts(decoder, ByteTokenizer(), "中", how, [1] * len(text.encode()))
    assert found.text == text


def test_a_stop_string_is_found_over_a_border() -> None:
    decoder = ReferenceDecoder(Scripted(b"one. two" + AFTER))
    found = in_parts(decoder, ByteTokenizer(), "", Sampling(temperature=0, stop=(". tw",)), [4, 2, 2])
    assert (found.text, found.reason) == ("one", "stop")


def test_what_was_held_is_shown_when_it_was_no_stop_string() -> None:
    decoder, how = ReferenceDecoder(Scripted(b"one. Two")), Sampling(temperature=0, stop=(". tw",))
    first = in_parts(decoder, ByteTokenizer(), "", how, [4])
    assert first.session is not None
    assert (first.text, first.session.undecided.held) == ("one", ".")
    second = asyncio.run(part(decoder, ByteTokenizer(), "", how.model_copy(update={"max_tokens": 3}), first.session))
    assert second.text == ". Tw"


def test_a_stop_string_of_the_next_part_alone_does_not_end_what_was_before() -> None:
    decoder = ReferenceDecoder(Scripted(b"abxab" + AFTER))
    first = in_parts(decoder, ByteTokenizer(), "", Sampling(temperature=0, stop=("abc",)), [2])
    how = Sampling(temperature=0, stop=("b",), max_tokens=3)
    second = asyncio.run(part(decoder, ByteTokenizer(), "", how, first.session))
    assert (first.text, second.text, second.reason) == ("", "abxa", "stop")


def test_a_prompt_in_between_ends_what_was_begun() -> None:
    decoder = ReferenceDecoder(Scripted(b"\xe2\x82" + b"?" + b"\xaca"))
    first = in_parts(decoder, ByteTokenizer(), "", Sampling(temperature=0), [2])
    assert first.session is not None
    assert first.session.undecided.pending == b"\xe2\x82"
    second = asyncio.run(part(decoder, ByteTokenizer(), "b", Sampling(temperature=0, max_tokens=2), first.session))
    assert second.text == "\N{REPLACEMENT CHARACTER}a"


def test_the_tokens_of_all_parts_and_prompts_are_seen() -> None:
    tokenizer, decoder = MODELS["char", native, "gru"]
    how = Sampling(temperature=0, max_tokens=5, repetition_penalty=1.3)
    first = in_parts(decoder, tokenizer, "a€", how, [5])
    second = asyncio.run(part(decoder, tokenizer, "b日", how, first.session))
    assert second.session is not None
    given: Ids = tokenizer.encode("a€b日").ids
    expected = np.zeros(tokenizer.vocabulary, np.uint8)
    expected[[*given.tolist(), *first.ids, *second.ids]] = 1
    np.testing.assert_array_equal(second.session.tokens_seen(decoder), expected)
    assert second.session.written == 10


def test_a_session_that_notes_nothing_of_the_text_before_goes_on() -> None:
    tokenizer, decoder = MODELS["byte", native, "gru"]
    how = Sampling(seed=3, max_tokens=9, repetition_penalty=1.3)
    first = in_parts(decoder, tokenizer, "ab", how, [9])
    assert first.session is not None
    early = Session(first.session.run, first.session.step, first.session.state, first.session.token)
    found = asyncio.run(part(decoder, tokenizer, "", how, early))
    # As in earlier versions, the seed's numbers start again, and no token counts as seen.
    stream = replace(stream_of(decoder, np.zeros(0, np.int64), how), state=early.state, token=early.token)
    [expected] = decoder.decode([stream], 9)
    assert found.ids == expected.ids.tolist()
