"""Models of one shape generate in one call, and every text is as it would be alone."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from gatelab.generation import Batcher, Text, continuation, stream_of, write
from gatelab.generation.batching import Writing
from gatelab.generation.decoders import Decoded, Decoder, NativeDecoder, ReferenceDecoder, Stream, Texts
from gatelab.model import LanguageModel, network_of
from gatelab.specs import GruSpec, LstmSpec, ModelSpec, Sampling
from gatelab.text.tokenizers import SPECIALS, ByteTokenizer
from tests.generation.models import native
from tests.randomized import random, seed
from tests.waiting import eventually

__all__ = ["random", "seed"]

TOKENIZER = ByteTokenizer()
GRU = ModelSpec(cell=GruSpec(kind="gru", hidden=19), layers=2)


def model_of(spec: ModelSpec, seed: int, vocabulary: int = TOKENIZER.vocabulary) -> LanguageModel:
    model = LanguageModel(spec, vocabulary)
    model.initialize(seed)
    return model


def streams_of(decoder: Decoder, count: int, seed: int) -> list[Stream]:
    """Texts that begin differently, and choose in different ways."""
    ids = [np.arange(n) % (decoder.vocabulary - SPECIALS) + SPECIALS for n in range(count)]
    hows = [Sampling(seed=seed + n, temperature=n % 3 / 2, repetition_penalty=1 + n % 2) for n in range(count)]
    return [stream_of(decoder, prompt, how) for prompt, how in zip(ids, hows, strict=True)]


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
def test_texts_of_several_models_are_what_they_are_alone(threads: int, logits: bool, seed: int) -> None:
    """One to forty texts, and vocabularies of three sizes."""
    sizes = [(1, 37), (18, 11), (40, TOKENIZER.vocabulary)]
    decoders = [NativeDecoder(network_of(model_of(GRU, seed + v, v)), threads) for _, v in sizes]
    texts: list[Texts] = [(d, streams_of(d, n, seed)) for d, (n, _) in zip(decoders, sizes, strict=True)]
    together = NativeDecoder.decode_together(texts, 7, logits=logits)
    again = [(decoder, streams_of(decoder, n, seed)) for decoder, (n, _) in zip(decoders, sizes, strict=True)]
    alone = [found for d, streams in again for found in d.decode(streams, 7, logits=logits)]
    for mine, theirs in zip(together, alone, strict=True):
        assert np.array_equal(mine.ids, theirs.ids)
        if not logits:
            assert mine.logits is None
            continue
        assert mine.logits is not None
        assert theirs.logits is not None
        assert np.array_equal(mine.logits, theirs.logits)
    moved, expected = ([stream for _, streams in each for stream in streams] for each in (texts, again))
    for stream, other in zip(moved, expected, strict=True):
        assert np.array_equal(stream.state, other.state)
        assert stream.token == other.token


def test_a_text_that_breaks_breaks_alone(seed: int) -> None:
    decoders = [NativeDecoder(network_of(model_of(GRU, seed + n))) for n in range(2)]
    texts = [(decoder, streams_of(decoder, 3, seed)) for decoder in decoders]
    texts[1][1][2].state[0, 0, 7] = np.inf
    found = NativeDecoder.decode_together(texts, 5)
    assert [each.fault is not None for each in found] == [False] * 5 + [True]
    assert [len(each.ids) for each in found] == [5] * 5 + [0]


def test_only_models_of_one_shape_and_about_one_size_are_of_one_kind(seed: int) -> None:
    """A call takes the same number of steps for each model, so their steps must take about the same time."""
    kinds = [NativeDecoder(network_of(model_of(GRU, seed, v))).kind for v in (40, 41, 60, 2000)]
    assert kinds[0] == kinds[1] == kinds[2] != kinds[3]
    other = ModelSpec(cell=LstmSpec(kind="lstm", hidden=19), layers=2)
    wider = ModelSpec(cell=GruSpec(kind="gru", hidden=20), layers=2)
    specs = [GRU, other, wider, GRU.model_copy(update={"layers": 1})]
    assert len({NativeDecoder(network_of(model_of(spec, seed))).kind for spec in specs}) == len(specs)
    reference = ReferenceDecoder(network_of(model_of(GRU, seed)))
    assert reference.kind is None
    with pytest.raises(TypeError):
        NativeDecoder.decode_together([(reference, [])], 1)


def test_a_text_that_wants_logits_shares_no_call_with_other_models(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    decoders = [NativeDecoder(network_of(model_of(GRU, seed + number))) for number in range(3)]
    joined, found = list[int](), dict[int, list[Decoded | Exception]]()
    together = NativeDecoder.decode_together

    def watched(texts: Sequence[Texts], steps: int, *, logits: bool = False) -> list[Decoded]:
        assert not logits
        joined.append(len(texts))
        return together(texts, steps, logits=logits)

    def decoded_of(number: int) -> list[Decoded]:
        return [news for news in found[number] if isinstance(news, Decoded)]

    monkeypatch.setattr(NativeDecoder, "decode_together", staticmethod(watched))
    batcher, writings = Batcher(), list[Writing]()
    for number, decoder in [*enumerate(decoders), (3, decoders[0])]:
        [stream] = streams_of(decoder, 1, seed)
        take = found.setdefault(number, []).append
        writings.append(Writing(decoder, stream, 400, take, logits=number == 0, exact=number == 1))
    with batcher._lock:  # all of them come before the first call
        batcher._waiting += writings[1:]
    batcher.open(writings[0])
    eventually(lambda: all(sum(len(d.ids) for d in decoded_of(n)) == 400 for n in range(4)), "all texts are written")
    assert all(d.logits is not None for d in decoded_of(0))
    assert all(d.logits is None for n in (1, 2, 3) for d in decoded_of(n))
    assert joined == [], "the third has nobody to share with"


def test_a_decoder_says_how_much_memory_it_takes(seed: int) -> None:
    """With an embedding, it stores the product of each token with each gate's matrix."""
    spec = ModelSpec.model_validate({"cell": {"kind": "gru", "hidden": 64}, "input": {"embedding": 8}})
    model = model_of(spec, seed, 5000)
    weights = sum(4 * parameter.numel() for parameter in model.parameters())
    assert NativeDecoder(network_of(model)).bytes > weights + 4 * 5000 * 3 * 64
    assert ReferenceDecoder(network_of(model)).bytes == weights


def test_the_batcher_writes_with_all_models_of_a_kind_at_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [GRU, GRU, GRU, ModelSpec(cell=LstmSpec(kind="lstm", hidden=19))]
    models = [model_of(spec, seed + number) for number, spec in enumerate(specs)]
    decoders = [NativeDecoder(network_of(model)) for model in models]
    how, calls, all_are_there = Sampling(max_tokens=300, seed=seed), list[set[int]](), threading.Event()

    def watched(texts: Sequence[Texts], steps: int, *, logits: bool = False) -> list[Decoded]:
        all_are_there.wait(10)
        calls.append({id(decoder) for decoder, _ in texts})
        return together(texts, steps, logits=logits)

    def alone(decoder: NativeDecoder, streams: Sequence[Stream], steps: int, *, logits: bool = False) -> list[Decoded]:
        all_are_there.wait(10)
        return decode(decoder, streams, steps, logits=logits)

    together, decode = NativeDecoder.decode_together, NativeDecoder.decode
    monkeypatch.setattr(NativeDecoder, "decode_together", staticmethod(watched))
    monkeypatch.setattr(NativeDecoder, "decode", alone)
    batcher = Batcher()

    async def one(decoder: Decoder) -> str:
        stream = stream_of(decoder, TOKENIZER.encode("it").ids, how)
        pieces = write(batcher, decoder, stream, Text(TOKENIZER, how, np.zeros(0, np.int64)))
        return "".join([piece.text async for piece in pieces])

    async def all_of_them() -> list[str]:
        asyncio.get_running_loop().call_later(0.05, all_are_there.set)
        return await asyncio.gather(*map(one, decoders))

    found = asyncio.run(all_of_them())
    assert {id(decoder) for decoder in decoders[:3]} in calls
    assert not any(id(decoders[3]) in call for call in calls)
    monkeypatch.undo()
    assert found == [continuation(native(model), TOKENIZER, "it", how) for model in models]
