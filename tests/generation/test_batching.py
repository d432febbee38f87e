"""Many texts at once: each is as it would be alone, and a text that leaves or fails delays no other."""

import asyncio
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from gatelab.errors import Overloaded
from gatelab.generation import Batcher, Text, batching, continuation, stream_of, write
from gatelab.generation.batching import LONGEST_CALL
from gatelab.generation.decoders import Decoded, Decoder, NativeDecoder, Stream, build_decoder
from gatelab.model import LanguageModel, network_of
from gatelab.specs import GruSpec, ModelSpec, Sampling
from gatelab.text.tokenizers import ByteTokenizer
from tests.generation.models import native
from tests.randomized import seed
from tests.waiting import eventually

__all__ = ["seed"]

TOKENIZER = ByteTokenizer()
NOTHING = np.zeros(0, np.int64)


@pytest.fixture
def model(seed: int) -> LanguageModel:
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=8)), TOKENIZER.vocabulary)
    model.initialize(seed)
    return model


class Watched(NativeDecoder):
    """A decoder that records the number of texts in each call, and that a test can make wait or fail.

    The native decoder's texts are bitwise identical, whatever other texts share a call with them.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(network_of(model))
        self.calls: list[tuple[int, int]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.broken: Exception | None = None

    def decode(self, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        self.may_go.wait(10)
        if self.broken:
            raise self.broken
        self.calls.append((len(streams), steps))
        return super().decode(streams, steps, logits=logits)


def text_of(model: LanguageModel, prompt: str, how: Sampling) -> str:
    return continuation(native(model), TOKENIZER, prompt, how)


async def written(batcher: Batcher, decoder: Decoder, prompt: str, how: Sampling) -> str:
    stream = stream_of(decoder, TOKENIZER.encode(prompt).ids, how)
    return "".join(
        [piece.text async for piece in write(batcher, decoder, stream, Text(TOKENIZER, stream.how, NOTHING))]
    )


def test_texts_that_come_and_go_are_what_they_are_alone(model: LanguageModel, seed: int) -> None:
    batcher, decoder = Batcher(), Watched(model)
    hows = [Sampling(max_tokens=1 + 7 * i, seed=seed + i, temperature=0.5 + i / 20) for i in range(20)]

    async def one(number: int) -> str:
        await asyncio.sleep(number / 500)
        return await written(batcher, decoder, "it has"[: 1 + number % 6], hows[number])

    async def all_of_them() -> list[str]:
        decoder.may_go.clear()  # until half of them wait
        asyncio.get_running_loop().call_later(0.02, decoder.may_go.set)
        return await asyncio.gather(*map(one, range(20)))

    found = asyncio.run(all_of_them())
    assert found == [text_of(model, "it has"[: 1 + i % 6], how) for i, how in enumerate(hows)]
    assert max(count for count, _ in decoder.calls) > 1, "some were written together"


def test_two_models_are_written_side_by_side(model: LanguageModel, seed: int) -> None:
    other = LanguageModel(model.spec, model.vocabulary)
    other.initialize(seed + 1)
    batcher, how = Batcher(), Sampling(max_tokens=30, temperature=0)

    async def both() -> list[str]:
        decoders = [Watched(model), Watched(other)]
        return await asyncio.gather(*(written(batcher, decoder, "it", how) for decoder in decoders))

    assert asyncio.run(both()) == [text_of(m, "it", how) for m in (model, other)]


def test_a_text_that_nobody_wants_any_more_is_dropped(model: LanguageModel) -> None:
    batcher, decoder = Batcher(), Watched(model)

    async def leave() -> None:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, Sampling(max_tokens=1_000_000, temperature=0))
        async for _ in write(batcher, decoder, stream, Text(TOKENIZER, stream.how, NOTHING)):
            break

    asyncio.run(leave())
    steps, deadline = -1, time.monotonic() + 10
    while (now := sum(count for _, count in decoder.calls)) != steps and time.monotonic() < deadline:
        steps = now
        time.sleep(0.2)
    assert steps < 1_000_000
    assert not batcher._running


def test_more_than_may_wait_are_refused_and_the_others_served(model: LanguageModel) -> None:
    batcher, decoder = Batcher(most=2, most_waiting=3), Watched(model)
    decoder.may_go.clear()
    how = Sampling(max_tokens=20, temperature=0)

    async def crowd() -> list[str]:
        tasks = [asyncio.create_task(written(batcher, decoder, "it", how)) for _ in range(5)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded, match="2 texts are being generated and 3 are waiting"):
            await written(batcher, decoder, "it", how)
        decoder.may_go.set()
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(crowd()) == [text_of(model, "it", how)] * 5
    assert max(count for count, _ in decoder.calls) == 2


def test_a_decoder_that_breaks_breaks_its_texts_and_no_others(model: LanguageModel) -> None:
    batcher, broken, sound = Batcher(), Watched(model), Watched(model)
    broken.broken = MemoryError("no more")
    how = Sampling(max_tokens=40, temperature=0)

    async def both() -> tuple[str | BaseException, str | BaseException]:
        return await asyncio.gather(
            written(batcher, broken, "it", how), written(batcher, sound, "it", how), return_exceptions=True
        )

    failed, text = asyncio.run(both())
    assert isinstance(failed, MemoryError)
    assert text == text_of(model, "it", how)
    broken.broken = None
    assert asyncio.run(written(batcher, broken, "it", how)) == text


def test_logits_come_with_the_tokens(model: LanguageModel) -> None:
    decoder, how = build_decoder(network_of(model)), Sampling(max_tokens=2 * LONGEST_CALL, temperature=0)

    async def all_logits() -> list[tuple[int, int]]:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, how)
        pieces = [
            piece async for piece in write(Batcher(), decoder, stream, Text(TOKENIZER, how, NOTHING), logits=True)
        ]
        for piece in pieces:
            assert piece.logits is not None
            np.testing.assert_array_equal(piece.logits[:, 2:].argmax(axis=1) + 2, piece.ids)
        return [piece.logits.shape for piece in pieces if piece.logits is not None]

    shapes = asyncio.run(all_logits())
    assert sum(tokens for tokens, _ in shapes) == how.max_tokens


def test_a_text_that_nobody_reads_is_paused_and_goes_on_where_it_was(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.generation.pieces.MOST_HELD", 1000)
    batcher, decoder, how = Batcher(most=1), Watched(model), Sampling(max_tokens=5000, seed=1)

    async def slowly() -> tuple[str, str]:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, how)
        pieces = write(batcher, decoder, stream, Text(TOKENIZER, how, NOTHING))
        while not pieces.writing.paused:
            await asyncio.sleep(0.01)
        steps = sum(count for _, count in decoder.calls)
        assert steps < how.max_tokens
        # It takes no other text's place meanwhile.
        beside = await written(batcher, decoder, "it", Sampling(max_tokens=40, temperature=0))
        assert sum(count for _, count in decoder.calls) - steps <= 40 + LONGEST_CALL
        return "".join([piece.text async for piece in pieces]), beside

    text, beside = asyncio.run(slowly())
    assert text == text_of(model, "it", how)
    assert beside == text_of(model, "it", Sampling(max_tokens=40, temperature=0))


def test_a_paused_text_that_nobody_wants_any_more_is_dropped(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.generation.pieces.MOST_HELD", 1000)
    batcher, decoder = Batcher(), Watched(model)

    async def leave() -> None:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, Sampling(max_tokens=1_000_000, temperature=0))
        pieces = write(batcher, decoder, stream, Text(TOKENIZER, stream.how, NOTHING))
        while not pieces.writing.paused:
            await asyncio.sleep(0.01)
        pieces.close()

    asyncio.run(leave())
    eventually(lambda: not batcher._running, "nothing is written any more")


def test_a_call_hands_over_few_logits_of_a_large_vocabulary(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MOST_LOGITS", 3 * TOKENIZER.vocabulary)
    decoder, how = Watched(model), Sampling(max_tokens=50, temperature=0)

    async def all_pieces() -> list[int]:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, how)
        text = Text(TOKENIZER, how, NOTHING)
        return [len(piece.ids) async for piece in write(Batcher(), decoder, stream, text, logits=True)]

    sizes = asyncio.run(all_pieces())
    assert max(sizes) <= 3
    assert sum(sizes) == 50
