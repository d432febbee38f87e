"""Corpora: what is taken as a text, and what is refused."""

import hashlib

import pytest
from hypothesis import assume, given

from gatelab.errors import InvalidCorpus, Problem, TooLarge
from gatelab.text import Corpus
from gatelab.text.corpus import check, decode
from tests.randomized import examples, unicode_text


@examples(100)
@given(text=unicode_text)
def test_an_upload_is_its_text(text: str) -> None:
    assume(not text.startswith("\ufeff"))
    assert decode(text.encode()) == text
    assert decode(text.encode("utf-8-sig")) == text


@pytest.mark.parametrize(
    ("data", "where"), [(b"\xff", 0), (b"abc\xe9def", 3), ("é".encode()[:1], 0), (b"\xed\xa0\x80", 0), (b"ok\0\x80", 3)]
)
def test_what_is_not_utf8_is_refused_with_its_place(data: bytes, where: int) -> None:
    with pytest.raises(InvalidCorpus) as refusal:
        decode(data)
    assert refusal.value.problems == (Problem("file", f"must be UTF-8 text; byte {where} is not"),)


@pytest.mark.parametrize("text", ["", " ", "\n\t \u2003"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCorpus, match="text: must not be empty"):
        check(text, 100)


def test_half_a_surrogate_pair_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidCorpus, match="text: must be valid Unicode; character 2 is half a pair"):
        check("ab\ud83d", 100)


def test_the_limit_counts_bytes() -> None:
    check("éé", 4)
    with pytest.raises(TooLarge, match="has 4 bytes; this installation takes at most 3"):
        check("éé", 3)


@examples(50)
@given(text=unicode_text)
def test_a_corpus_is_known_by_the_hash_of_its_bytes(text: str) -> None:
    assert Corpus("any", text).sha256 == hashlib.sha256(text.encode()).hexdigest()
