"""A text is cut into pieces by the time of its generation, whatever the source of its tokens."""

import asyncio
import random
from types import SimpleNamespace

import numpy as np
import pytest

from gatelab.errors import NotFinite
from gatelab.generation import Batcher, Text, stream_of, write
from gatelab.generation.decoders import Decoded, NativeDecoder
from gatelab.generation.pieces import PIECE_SECONDS, Pieces
from gatelab.generation.stops import StopBuffer
from gatelab.model import LanguageModel, network_of
from gatelab.specs import GruSpec, ModelSpec, Sampling
from gatelab.text.tokenizers import SPECIALS, ByteTokenizer, CharTokenizer, Ids, Tokenizer
from tests.randomized import seed, seeds

__all__ = ["seed"]

NOTHING = np.zeros(0, np.int64)
BYTES = ByteTokenizer()
LETTERS = CharTokenizer("".join(sorted(" abcdeé🎉")), "none")


@pytest.fixture
def decoder(seed: int) -> NativeDecoder:
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), BYTES.vocabulary)
    model.initialize(seed)
    return NativeDecoder(network_of(model))


def ids_of(text: str) -> Ids:
    return BYTES.encode(text).ids


class Clock:
    """The clock of the pieces."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("gatelab.generation.pieces.time", SimpleNamespace(monotonic=lambda: self.now))


def pieces_of(decoder: NativeDecoder, how: Sampling, *, logits: bool = False, whole: bool = False) -> Pieces:
    stream = stream_of(decoder, NOTHING, how)
    return Pieces(decoder, stream, Text(BYTES, how, NOTHING), logits=logits, whole=whole)


def deliver(pieces: Pieces, text: str, *, logits: bool = False) -> None:
    """The work of the batcher, by hand."""
    ids = ids_of(text)
    pieces.writing.remaining -= len(ids)
    pieces.writing.deliver(Decoded(ids, np.zeros((len(ids), BYTES.vocabulary), np.float32) if logits else None))


def test_the_first_piece_comes_at_once_and_later_ones_by_time(
    decoder: NativeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    async def read() -> list[str]:
        pieces, found = pieces_of(decoder, Sampling(max_tokens=8)), []
        deliver(pieces, "a")
        found.append((await anext(pieces)).text)
        for letter in "bcd":
            deliver(pieces, letter)
        assert not pieces._come.is_set(), "the reader is left alone"
        clock.now += 2 * PIECE_SECONDS
        deliver(pieces, "e")
        found.append((await anext(pieces)).text)
        deliver(pieces, "f")
        deliver(pieces, "gh")  # the last ones come at once
        found.append((await anext(pieces)).text)
        assert pieces.writing.dropped
        return found

    assert asyncio.run(read()) == ["a", "bcde", "fgh"]


def test_who_wants_the_whole_text_is_woken_once(decoder: NativeDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)

    async def read() -> list[str]:
        pieces = pieces_of(decoder, Sampling(max_tokens=5), whole=True)
        for letter in "abcde":
            deliver(pieces, letter)
        return [piece.text async for piece in pieces]

    assert asyncio.run(read()) == ["abcde"]


def test_tokens_with_logits_are_not_put_together(decoder: NativeDecoder) -> None:
    async def read() -> list[tuple[int, ...]]:
        pieces, found = pieces_of(decoder, Sampling(max_tokens=4), logits=True), []
        deliver(pieces, "ab", logits=True)
        deliver(pieces, "cd", logits=True)
        async for piece in pieces:
            assert piece.logits is not None
            found.append(piece.logits.shape)
        return found

    assert asyncio.run(read()) == [(2, BYTES.vocabulary)] * 2


def test_what_was_written_before_a_fault_is_not_lost_where_it_ends_the_text(decoder: NativeDecoder) -> None:
    async def read(stop: list[str]) -> str:
        pieces = pieces_of(decoder, Sampling(max_tokens=9, stop=stop))
        deliver(pieces, "ab")
        pieces.writing.deliver(Decoded(ids_of("cd"), None, NotFinite("logits are not finite")))
        return "".join([piece.text async for piece in pieces])

    assert asyncio.run(read(["d"])) == "abc"
    with pytest.raises(NotFinite):
        asyncio.run(read([]))


def test_written_at_once_it_is_the_same_text(decoder: NativeDecoder, seed: int) -> None:
    async def read(at_once: bool) -> str:
        how = Sampling(max_tokens=50, seed=seed)
        stream, text = stream_of(decoder, NOTHING, how), Text(BYTES, how, NOTHING)
        return "".join([piece.text async for piece in write(Batcher(), decoder, stream, text, at_once=at_once)])

    assert asyncio.run(read(True)) == asyncio.run(read(False))


def test_written_at_once_it_is_there_before_the_loop_goes_on(decoder: NativeDecoder) -> None:
    async def read() -> None:
        how = Sampling(max_tokens=5)
        stream, text = stream_of(decoder, NOTHING, how), Text(BYTES, how, NOTHING)
        pieces = write(Batcher(), decoder, stream, text, at_once=True)
        with pytest.raises(StopIteration) as found:
            pieces.__anext__().send(None)
        assert len(found.value.value.ids) == 5

    asyncio.run(read())


@pytest.mark.parametrize("tokenizer", [BYTES, LETTERS], ids=["bytes", "characters"])
def test_many_ids_are_the_text_of_each_joined(tokenizer: Tokenizer, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        ids = np.array([draw.randrange(tokenizer.vocabulary) for _ in range(draw.randrange(20))], np.int64)
        if tokenizer is BYTES and draw.random() < 0.7:
            ids = BYTES.encode("aé🎉" * 3).ids[draw.randrange(4) : draw.randrange(4, 20)]
        one, all_of_them = tokenizer.decoder(), tokenizer.decoder()
        cut = draw.randrange(len(ids) + 1)
        joined = "".join(map(one, ids.tolist()))
        assert all_of_them.many(ids[:cut]) + all_of_them.many(ids[cut:]) == joined
        assert one.pending == all_of_them.pending


@seeds(810313761)
def test_stop_strings_are_found_however_the_tokens_come(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        text = "".join(draw.choice("ab é") for _ in range(draw.randrange(1, 30)))
        stop = ["".join(draw.choice("ab é") for _ in range(draw.randrange(1, 4))) for _ in range(draw.randrange(3))]
        ids = BYTES.encode(text).ids
        how = Sampling(max_tokens=len(ids), stop=stop)
        found = []
        for size in (1, draw.randrange(1, 8), len(ids)):
            whole, shown, tokens, reason = Text(BYTES, how, NOTHING), "", 0, None
            for at in range(0, len(ids), size):
                piece = whole.add(Decoded(ids[at : at + size], None))
                shown, tokens, reason = shown + piece.text, tokens + len(piece.ids), piece.finish_reason
                if reason:
                    break
            found.append((shown, tokens, reason, whole.undecided))
        assert found[0] == found[1] == found[2]
        buffer, expected, stopped = StopBuffer(stop), "", False
        for character in text:  # tokens arrive one after the other, so the first complete stop string ends the text
            if not stopped:
                more, stopped = buffer.push(character)
                expected += more
        assert found[0][0] == expected + ("" if stopped else buffer.rest())


def test_special_ids_are_no_text() -> None:
    assert LETTERS.decoder().many(np.array([0, SPECIALS, 1], np.int64)) == LETTERS.characters[0]
