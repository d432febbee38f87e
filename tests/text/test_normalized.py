"""Texts are normalized and counted piece by piece, with the same result as at once."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.specs import RunSpec
from gatelab.text import Corpus, Texts
from gatelab.text import alphabet as counting
from gatelab.text.alphabet import alphabet
from gatelab.text.token_counts import measure
from gatelab.text.tokenizers import SPECIALS, characters, normalized
from tests.randomized import examples

texts = st.text(
    st.sampled_from("ab  ,.Z\n\u0130\u03a3\u212a\U0001f642") | st.characters(exclude_categories=["Cs"]), max_size=40
)


@pytest.fixture(autouse=True, scope="module")
def _small_pieces() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(characters, "PIECE", 3)
        patch.setattr(counting, "PIECE", 3)
        yield


@examples(500)
@given(texts)
def test_letters_are_those_of_the_whole(text: str) -> None:
    assert normalized(text, "letters") == re.sub("[^a-z]+", " ", text.lower())


@examples(300)
@given(texts)
def test_characters_are_counted_as_in_the_whole(text: str) -> None:
    found = alphabet(text)
    assert {letter.character: letter.count for letter in found} == Counter(text)
    assert [(-letter.count, letter.character) for letter in found] == sorted(
        (-letter.count, letter.character) for letter in found
    )


@examples(100)
@given(texts)
def test_a_text_is_measured_as_a_whole(text: str) -> None:
    extent = measure(RunSpec(corpus="any"), Texts(Corpus("any", text)))
    assert (extent.tokens, extent.alphabet) == (len(text), "".join(sorted(set(text))))
    assert extent.vocabulary == SPECIALS + len(set(text))
