"""Windows: the tokens that are read and scored, compared with plain loops.

No character occurs twice in the text, so a token's id gives its place: the n-th character is id n + SPECIALS.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.errors import InvalidSpec
from gatelab.randomness import numpy_generator
from gatelab.specs import RunSpec, parse
from gatelab.text import Batch, Corpus, Data, Windows, prepare
from gatelab.text.token_counts import Extent
from gatelab.text.tokenizers import BEGIN, SPECIALS
from gatelab.text.windows import EVALUATION_TOKENS, IGNORED, _streams, batch_order, check_length, held_out_streams
from tests.randomized import examples

SIZES = st.integers(1, 20)


def spec_of(**training: object) -> RunSpec:
    return parse(RunSpec, {"corpus": "numbers", "training": training})


def numbers(tokens: int) -> Corpus:
    return Corpus("numbers", "".join(chr(0x4E00 + i) for i in range(tokens)))


@st.composite
def specs(draw: st.DrawFn, *modes: str) -> RunSpec:
    """The default windows, carried ones, or numbered ones as in the book."""
    mode = draw(st.sampled_from(modes))
    windows = {} if mode == "carried" else {"stride": draw(st.none() | SIZES)}
    if mode == "numbered":
        windows |= {"train": draw(SIZES), "validation": draw(SIZES), "test": draw(st.none() | SIZES)}
    return spec_of(num_steps=draw(SIZES), batch_size=draw(SIZES), carry_state=mode == "carried", windows=windows)


def shortest(spec: RunSpec) -> int:
    """The length of the shortest sufficient text."""
    training, windows = spec.training, spec.training.windows
    if windows.counts is not None:
        return (sum(windows.counts) - 1) * (windows.stride or training.num_steps) + training.num_steps
    return max(6, math.ceil(training.num_steps / 0.8))  # the first length of which 10 % is a token, twice


@st.composite
def runs(draw: st.DrawFn, *modes: str) -> tuple[RunSpec, int]:
    """A spec, and the length of a sufficient text."""
    spec = draw(specs(*modes))
    return spec, shortest(spec) + draw(st.integers(0, 150))


def parts(data: Data) -> list[Windows]:
    return [part for part in (data.train, data.validation, data.test) if part is not None]


def scored(batch: Batch) -> list[tuple[int, int]]:
    """The (input, target) pairs of a batch that count."""
    counts = batch.targets != IGNORED
    return list(zip(batch.inputs[counts].tolist(), batch.targets[counts].tolist(), strict=True))


def all_scored(windows: Windows) -> list[tuple[int, int]]:
    return [pair for batch in windows for pair in scored(batch)]


def pairs_of(first: int, last: int) -> list[tuple[int, int]]:
    """(token before, token) of the characters first .. last - 1 read as a text of its own."""
    ids = [BEGIN, *range(first + SPECIALS, last + SPECIALS)]
    return list(pairwise(ids))


# -- The book's windows -------------------------------------------------------------------------------------------


@examples(200)
@given(run=runs("numbered"))
def test_numbered_windows_are_the_books(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data, training = prepare(spec, numbers(tokens)), spec.training
    ids, steps = [BEGIN, *range(SPECIALS, tokens + SPECIALS)], training.num_steps
    stride = training.windows.stride or steps
    pieces = [ids[i : i + steps + 1] for i in range(0, len(ids) - steps, stride)]
    assert training.windows.counts is not None
    train, validation, test = training.windows.counts
    assert (data.test is not None) == (training.windows.test is not None)
    borders = (0, train, train + validation, train + validation + test)
    for windows, (first, last) in zip(parts(data), pairwise(borders), strict=False):
        expected = pieces[first:last]
        found = [[*i, t[-1]] for b in windows for i, t in zip(b.inputs.T.tolist(), b.targets.T.tolist(), strict=True)]
        assert found == expected
        assert all(np.array_equal(b.inputs[1:], b.targets[:-1]) for b in windows)


def test_the_books_windows_overlap_and_cover_few_characters() -> None:
    """As in docs/guides/fair-comparison.md: the first and the last character that each part scores."""
    windows = {"stride": 1, "train": 10_000, "validation": 5_000, "test": 5_000}
    data = prepare(spec_of(num_steps=32, windows=windows), numbers(20_100))
    found = [(int(part.scored.min()) - SPECIALS, int(part.scored.max()) - SPECIALS) for part in parts(data)]
    assert found == [(0, 10_030), (10_000, 15_030), (15_000, 20_030)]


@examples(200)
@given(run=runs("default", "carried", "numbered"))
def test_tokens_that_overlapping_windows_score_count_once(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    for windows in parts(prepare(spec, numbers(tokens))):
        scored = {at for a, b in zip(windows.starts, windows.ends, strict=True) for at in range(a, b)}
        assert windows.different_tokens == len(scored)


# -- The default --------------------------------------------------------------------------------------------------


@examples(200)
@given(run=runs("default"))
def test_training_windows_lie_inside_the_first_80_percent(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data, training = prepare(spec, numbers(tokens)), spec.training
    part, steps = pairs_of(0, tokens * 8 // 10), training.num_steps
    pieces = [part[i : i + steps] for i in range(0, len(part) - steps + 1, training.windows.stride or steps)]
    found = [
        list(zip(inputs, targets, strict=True))
        for b in data.train
        for inputs, targets in zip(b.inputs.T.tolist(), b.targets.T.tolist(), strict=True)
    ]
    assert found == pieces


@examples(300)
@given(run=runs("default", "carried"))
def test_every_held_out_token_is_scored_once_after_the_one_before_it(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data = prepare(spec, numbers(tokens))
    first, second = tokens * 8 // 10, tokens * 9 // 10
    assert data.test is not None
    assert sorted(all_scored(data.validation)) == pairs_of(first, second)
    assert sorted(all_scored(data.test)) == pairs_of(second, tokens)


# -- Carried state ------------------------------------------------------------------------------------------------


@examples(300)
@given(run=runs("carried"))
def test_carried_streams_cover_the_text_and_adjoin(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data = prepare(spec, numbers(tokens))
    assert sorted(all_scored(data.train)) == pairs_of(0, tokens * 8 // 10)
    for windows in parts(data):
        assert windows.carried
        starts, ends = (a.reshape(-1, windows.per_batch) for a in (windows.starts, windows.ends))
        assert np.array_equal(ends[:-1], starts[1:]), "a window begins where the one before it ended"
        assert np.array_equal(ends[-1, :-1], starts[0, 1:]), "a stream begins where the one before it ended"
        assert starts[0, 0] == 0
        assert all(batch.inputs.shape[1] == windows.per_batch for batch in windows)


@examples(100)
@given(run=runs("carried"))
def test_carried_streams_are_as_many_as_asked_where_the_text_allows(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data, training = prepare(spec, numbers(tokens)), spec.training
    assert data.train.per_batch == min(training.batch_size, tokens * 8 // 10 // training.num_steps)
    lengths = np.diff([*data.train.starts[: data.train.per_batch], tokens * 8 // 10])
    assert lengths.max() - lengths.min() <= 1


# -- The length of the corpus -------------------------------------------------------------------------------------


@examples(1500)
@given(spec=specs("default", "carried", "numbered"), more=st.integers(-5, 50))
def test_a_corpus_is_refused_exactly_when_it_is_too_short(spec: RunSpec, more: int) -> None:
    tokens = max(0, shortest(spec) + more)
    if tokens >= shortest(spec):
        check_length(spec, Extent(tokens, SPECIALS + tokens))
        data = prepare(spec, numbers(tokens))
        assert all(part.batches and all(batch.tokens for batch in part) for part in parts(data))
        return
    blamed = "training.windows" if spec.training.windows.train else "training.num_steps"
    for refuse in (
        lambda: check_length(spec, Extent(tokens, SPECIALS + tokens)),
        lambda: prepare(spec, numbers(tokens)),
    ):
        with pytest.raises(InvalidSpec, match=f"{tokens} tokens") as refusal:
            refuse()
        assert [problem.path for problem in refusal.value.problems] == [blamed]


@examples(300)
@given(run=runs("default", "carried", "numbered"))
def test_batches_stay_within_their_size(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data = prepare(spec, numbers(tokens))
    assert all(b.inputs.shape[0] <= spec.training.num_steps for part in parts(data) for b in part)
    assert all(b.inputs.shape[1] <= spec.training.batch_size for b in data.train)
    assert all(b.inputs.shape == b.targets.shape for part in parts(data) for b in part)
    assert all(sum(b.tokens for b in part) == len(all_scored(part)) for part in parts(data))
    assert data.train.batches == math.ceil(len(data.train.starts) / data.train.per_batch)


@pytest.mark.parametrize("num_steps", [1, 3, 64, 65, 1000, 20_000, 65_537])
def test_an_evaluation_reads_no_more_at_once_than_its_bound(num_steps: int) -> None:
    data = prepare(spec_of(num_steps=num_steps), Corpus("x", "ab" * 50_000))
    for batch in data.validation:
        assert batch.inputs.size <= max(EVALUATION_TOKENS, num_steps)


@pytest.mark.parametrize("carry", [False, True])
def test_what_is_scored_are_all_targets(carry: bool) -> None:
    data = prepare(spec_of(num_steps=7, carry_state=carry), Corpus("x", "abcdefg" * 50))
    targets = np.concatenate([batch.targets[batch.targets != IGNORED] for batch in data.validation])
    assert sorted(data.validation.scored) == sorted(targets)


# -- The order ----------------------------------------------------------------------------------------------------


def order(data: Data, seed: int, epoch: int) -> list[int]:
    shuffled = batch_order(data.train, numpy_generator(seed, "order", epoch))
    assert shuffled is not None
    return [int(window) for window in shuffled]


def test_the_order_is_a_permutation_and_a_function_of_seed_and_epoch(seed: int) -> None:
    data = prepare(spec_of(num_steps=3, batch_size=7), numbers(400))
    found = order(data, seed, 5)
    assert sorted(found) == list(range(len(data.train.starts)))
    assert order(data, seed, 5) == found
    assert order(data, seed, 6) != found
    assert order(data, seed + 1, 5) != found


def test_carried_windows_are_not_shuffled(seed: int) -> None:
    data = prepare(spec_of(num_steps=3, batch_size=7, carry_state=True), numbers(400))
    assert batch_order(data.train, numpy_generator(seed)) is None


def test_shuffled_batches_hold_every_window_once(seed: int) -> None:
    data = prepare(spec_of(num_steps=3, batch_size=7), numbers(400))
    shuffled = batch_order(data.train, numpy_generator(seed))
    found = [pair for i in range(data.train.batches) for pair in scored(data.train.batch(i, shuffled))]
    assert found != all_scored(data.train)
    assert sorted(found) == sorted(all_scored(data.train))


# -- Held-out text -------------------------------------------------------------------------------------------------


@examples(200)
@given(run=runs("default", "carried", "numbered"), batch_size=st.integers(1, 300))
def test_the_batch_size_is_no_matter_of_how_held_out_text_is_read(run: tuple[RunSpec, int], batch_size: int) -> None:
    spec, tokens = run
    other = spec.model_copy(update={"training": spec.training.model_copy(update={"batch_size": batch_size})})
    for mine, theirs in zip(held_out(spec, tokens), held_out(other, tokens), strict=True):
        for name in ("ids", "starts", "ends"):
            assert np.array_equal(getattr(mine, name), getattr(theirs, name))
        assert (mine.per_batch, mine.num_steps, mine.carried) == (theirs.per_batch, theirs.num_steps, theirs.carried)


def held_out(spec: RunSpec, tokens: int) -> list[Windows]:
    data = prepare(spec, numbers(tokens))
    return [data.validation, *([data.test] if data.test else [])]


@pytest.mark.parametrize(
    ("tokens", "streams"), [(1, 1), (4096, 1), (8191, 1), (8192, 2), (17_343, 4), (5_000_000, 1024)]
)
@pytest.mark.parametrize("num_steps", [1, 32, 5000, 1_000_000])
def test_a_carried_text_begins_from_zero_once_in_4096_tokens(tokens: int, streams: int, num_steps: int) -> None:
    found, steps = held_out_streams(tokens, num_steps, 100)
    windows = _streams(np.ones(tokens + 1, dtype=np.int64), steps, found)
    assert windows.per_batch == streams
    assert windows.per_batch * windows.num_steps <= EVALUATION_TOKENS
    assert len(windows.scored) == tokens
