"""Texts of their own for the parts, shares of a text, gaps, and a carried state over numbered windows."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gatelab.errors import InvalidSpec
from gatelab.specs import RunSpec, parse, resolved
from gatelab.text import Corpus, Data, Texts, Windows, prepare
from gatelab.text.reading_costs import Part, reading
from gatelab.text.token_counts import Extent, measure
from gatelab.text.tokenizers import SPECIALS
from gatelab.text.windows import check_length
from tests.randomized import examples
from tests.text.test_reading_costs import part
from tests.text.test_windows import all_scored, numbers, pairs_of, spec_of


def scored(windows: Windows | None) -> list[int]:
    """The characters of `numbers` that are scored."""
    return [] if windows is None else sorted(int(target) - SPECIALS for _, target in all_scored(windows))


# -- Shares and gaps ----------------------------------------------------------------------------------------------


@examples(60)
@given(
    hundredths=st.tuples(st.integers(40, 80), st.integers(5, 20), st.sampled_from([0, 0, 5, 13, 20])),
    tokens=st.integers(100, 400),
    gap=st.integers(0, 4),
    carry=st.booleans(),
)
def test_parts_are_as_large_as_they_are_asked_for(
    hundredths: tuple[int, int, int], tokens: int, gap: int, carry: bool
) -> None:
    hundredths = (min(hundredths[0], 100 - hundredths[1] - hundredths[2]), *hundredths[1:])
    windows = {"split": [share / 100 for share in hundredths], "gap": gap}
    spec = spec_of(num_steps=1, batch_size=3, carry_state=carry, windows=windows)
    data = prepare(spec, numbers(tokens))
    ends = [tokens * sum(hundredths[:count]) // 100 for count in range(4)]
    assert scored(data.train) == list(range(ends[1]))
    assert scored(data.validation) == list(range(ends[1] + gap, ends[2]))
    assert scored(data.test) == (list(range(ends[2] + gap, ends[3])) if hundredths[2] else [])
    assert (data.test is None) == (hundredths[2] == 0)
    extent = Extent(tokens, data.tokenizer.vocabulary)
    check_length(spec, extent)
    expected = reading(spec, extent)
    assert part(data.train) == expected.train
    assert part(data.validation) == expected.validation
    assert (None if data.test is None else part(data.test)) == expected.test


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ({"split": [0.8, 0.3, 0.1]}, "add up to at most 1"),
        ({"split": [0, 0.5, 0.5]}, "needs a share for training"),
        ({"split": [0.8, 0.2]}, "split"),
        ({"split": [0.8, 0.1, 0.1], "train": 5, "validation": 5}, "split and gap divide the whole text"),
        ({"gap": 1, "train": 5, "validation": 5}, "split and gap divide the whole text"),
    ],
)
def test_shares_that_make_no_sense_are_refused(windows: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        spec_of(windows=windows)


@pytest.mark.parametrize(
    ("windows", "path", "words"),
    [
        ({"split": [0.9, 0, 0.1]}, "training.windows.split", "nothing is left for validation"),
        ({"gap": 200}, "training.windows.gap", "nothing is left for validation and test"),
        ({"split": [0.01, 0.5, 0.4]}, "training.num_steps", "the training part has only 10 of the text's 1000 tokens"),
    ],
)
def test_what_is_left_without_a_token_is_named(windows: dict[str, Any], path: str, words: str) -> None:
    spec = spec_of(num_steps=32, windows=windows)
    for refuse in (lambda: check_length(spec, Extent(1000, 1002)), lambda: prepare(spec, numbers(1000))):
        with pytest.raises(InvalidSpec, match=words) as caught:
            refuse()
        assert caught.value.problems[0].path == path


def test_the_usual_split_is_no_other_one() -> None:
    spelled = spec_of(windows={"split": [0.8, "1e-1", 0.1]})
    assert resolved(spelled) == resolved(spec_of())
    one, two = (prepare(spec, numbers(437)) for spec in (spelled, spec_of()))
    assert np.array_equal(one.train.ids, two.train.ids)


# -- Texts of their own -------------------------------------------------------------------------------------------


def corpus(name: str, text: str) -> Corpus:
    return Corpus(name, text)


OWN: dict[str, tuple[Texts, list[float | None]]] = {
    "validation": (Texts(corpus("a", "abcdefghij" * 20), validation=corpus("b", "jklm" * 10)), [0.9, None, 0.1]),
    "test": (Texts(corpus("a", "abcdefghij" * 20), test=corpus("c", "xyz" * 10)), [0.9, 0.1, None]),
    "both": (Texts(corpus("a", "abcdefghij" * 20), corpus("b", "jklm" * 10), corpus("c", "xyz" * 10)), [1, None, None]),
}


def of_texts(texts: Texts, **training: Any) -> RunSpec:
    named = {"train": "a", "validation": texts.validation and "b", "test": texts.test and "c"}
    return parse(RunSpec, {"corpus": named, "training": {"num_steps": 4} | training})


def texts_of(data: Data) -> list[str]:
    """The text that each part scores."""
    assert data.test is not None
    return [data.tokenizer.decode(windows.ids) for windows in (data.train, data.validation, data.test)]


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("name", OWN)
def test_a_text_of_its_own_is_read_whole(name: str, carry: bool) -> None:
    texts, shares = OWN[name]
    spec = of_texts(texts, carry_state=carry)
    data = prepare(spec, texts)
    text = texts.train.text
    own: list[Corpus | None] = [None, texts.validation, texts.test]
    at, expected = 0, []
    for share, other in zip(shares, own, strict=True):
        end = at + round(len(text) * (share or 0))
        expected.append(text[at:end] if other is None else other.text)
        at = end
    assert texts_of(data) == expected
    every = "".join(each.text for each in (texts.train, *texts.held_out))
    assert data.tokenizer.alphabet == "".join(sorted(set(every))), "nothing is unknown"
    extent = measure(spec, texts)
    assert (extent.vocabulary, extent.alphabet) == (data.tokenizer.vocabulary, data.tokenizer.alphabet)
    check_length(spec, extent)
    assert data.test is not None
    parts = [part(windows) for windows in (data.train, data.validation, data.test)]
    expected_reading = reading(spec, extent)
    assert parts == [expected_reading.train, expected_reading.validation, expected_reading.test]


def test_a_gap_is_left_out_of_parts_of_the_training_text_alone() -> None:
    texts, _ = OWN["validation"]
    data = prepare(of_texts(texts, windows={"gap": 3, "split": [0.5, 0.2, 0.3]}), texts)
    assert texts_of(data) == [texts.train.text[:140], "jklm" * 10, texts.train.text[143:]]


def test_windows_of_several_texts_cannot_be_numbered() -> None:
    texts, _ = OWN["both"]
    spec = of_texts(texts, windows={"train": 3, "validation": 3})
    for refuse in (lambda: measure(spec, texts), lambda: prepare(spec, texts)):
        with pytest.raises(InvalidSpec, match="count the windows of one text"):
            refuse()


def test_one_corpus_has_one_spelling() -> None:
    alone = parse(RunSpec, {"corpus": {"train": "a"}})
    assert resolved(alone) == resolved(parse(RunSpec, {"corpus": "a"}))
    assert alone.texts.names == ("a",)


@pytest.mark.parametrize(
    "given_corpus", [3, [], {"validation": "b"}, {"train": "a b"}, {"train": "a", "other": "b"}, None]
)
def test_what_is_no_corpus_is_refused(given_corpus: object) -> None:
    with pytest.raises((InvalidSpec, ValidationError), match="corpus"):
        parse(RunSpec, {"corpus": given_corpus})


# -- A carried state over numbered windows ------------------------------------------------------------------------


@examples(100)
@given(
    counts=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 12)),
    steps=st.integers(1, 9),
    batch_size=st.integers(1, 6),
    more=st.integers(0, 30),
)
def test_a_state_is_carried_over_numbered_windows(
    counts: tuple[int, int, int], steps: int, batch_size: int, more: int
) -> None:
    windows = dict(zip(("train", "validation", "test"), counts, strict=True)) | ({} if counts[2] else {"test": None})
    spec = spec_of(num_steps=steps, batch_size=batch_size, carry_state=True, windows=windows)
    tokens = sum(counts) * steps + more
    data, extent = prepare(spec, numbers(tokens)), Extent(tokens, SPECIALS + tokens)
    expected = reading(spec, extent)
    borders = np.cumsum([0, *counts]) * steps
    for found, read, (first, last) in zip(
        (data.train, data.validation, data.test),
        (expected.train, expected.validation, expected.test),
        pairwise(borders.tolist()),
        strict=True,
    ):
        assert (found is None) == (first == last)
        if found is not None:
            assert found.carried
            assert sorted(all_scored(found)) == pairs_of(0, tokens)[first:last], "each after the one before it"
            assert isinstance(read, Part)
            assert part(found) == read
