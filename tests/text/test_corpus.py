"""Corpora: accepted and refused texts."""

import hashlib
import unicodedata

import pytest
from hypothesis import given

from gatelab.errors import InvalidCorpus, Problem, TooLarge
from gatelab.specs.texts import accepted, decode, unfit
from gatelab.text import Corpus
from gatelab.text.corpus import check_size
from gatelab.text.findings import _PIECE, Findings
from tests.randomized import examples, unicode_text

CONVERT = "if the file is {0}, convert it: iconv -f {0} -t UTF-8 FILE > NEW"


@examples(100)
@given(text=unicode_text)
def test_a_file_is_its_text(text: str) -> None:
    assert decode(text.encode()) == text
    assert decode(text.encode("utf-8-sig")) == "\ufeff" + text


@pytest.mark.parametrize(
    ("data", "where", "encoding"),
    [
        (b"\xff", "byte 0 (0xff, in line 1)", "WINDOWS-1252"),
        ("naïve café".encode("cp1252"), "byte 2 (0xef, in line 1)", "WINDOWS-1252"),
        (b"ab\n\ncaf\xe9", "byte 7 (0xe9, in line 3)", "WINDOWS-1252"),
        ("é".encode()[:1], "byte 0 (0xc3, in line 1)", "WINDOWS-1252"),
        (b"\xed\xa0\x80", "byte 0 (0xed, in line 1)", "WINDOWS-1252"),
        ("abc".encode("utf-16"), "byte 0 (0xff, in line 1)", "UTF-16"),
        (b"\xfe\xff" + "abc".encode("utf-16-be"), "byte 0 (0xfe, in line 1)", "UTF-16"),
        ("abc".encode("utf-32"), "byte 0 (0xff, in line 1)", "UTF-32"),
        ("été".encode("utf-16-le"), "byte 0 (0xe9, in line 1)", "UTF-16LE"),
        ("été".encode("utf-16-be"), "byte 1 (0xe9, in line 1)", "UTF-16BE"),
    ],
)
def test_what_is_not_utf8_is_refused_with_its_place_and_a_remedy(data: bytes, where: str, encoding: str) -> None:
    with pytest.raises(InvalidCorpus) as refusal:
        decode(data)
    message = f"must be UTF-8 text; {where} is not; {CONVERT.format(encoding)}"
    assert refusal.value.problems == (Problem("file", message),)
    assert decode(data.decode(encoding, errors="replace").encode())  # the named program supports this encoding


@pytest.mark.parametrize(
    ("text", "where", "encoding"),
    [
        ("time machine".encode("utf-16-le").decode(), "character 1 (in line 1)", "UTF-16LE"),
        ("time machine".encode("utf-16-be").decode(), "character 0 (in line 1)", "UTF-16BE"),
        ("one\n\ntwo \0", "character 9 (in line 3)", "UTF-16LE"),
    ],
)
def test_nul_is_refused_with_its_place_and_a_remedy(text: str, where: str, encoding: str) -> None:
    with pytest.raises(InvalidCorpus) as refusal:
        accepted(text)
    message = f"must not contain the NUL character, as {where} is; {CONVERT.format(encoding)}"
    assert refusal.value.problems == (Problem("text", message),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must not be empty"),
        ("\ufeff", "must not be empty"),
        (" ", "must have a character that is not white space"),
        ("\ufeff\n\t \u2003", "must have a character that is not white space"),
        ("ab\n\ud83d", "must be valid Unicode; character 3 (in line 2) is a lone surrogate: half of a pair"),
    ],
)
def test_a_text_without_anything_to_learn_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidCorpus) as refusal:
        accepted(text)
    assert refusal.value.problems == (Problem("text", message),)


@pytest.mark.parametrize(
    "text", ["a", "\ufeffa", "\ufeff\ufeffa", "a\ufeff", "\x01", "é", "e\u0301", "a\r\n", "\u200b"]
)
def test_only_byte_order_marks_at_the_beginning_are_dropped(text: str) -> None:
    assert accepted(text) == text.lstrip("\ufeff")


@examples(200)
@given(text=unicode_text)
def test_what_is_accepted_is_accepted_as_it_is_and_can_be_a_prompt(text: str) -> None:
    try:
        once = accepted(text)
    except InvalidCorpus:
        assert "\0" in text or not text.strip("\ufeff").strip()
    else:
        assert accepted(once) == once
        assert unfit(once) is None


def test_the_limit_counts_bytes() -> None:
    check_size("éé", 4)
    with pytest.raises(TooLarge, match="has 4 bytes; this installation takes at most 3"):
        check_size("éé", 3)


@examples(50)
@given(text=unicode_text)
def test_a_corpus_is_known_by_the_hash_of_its_bytes(text: str) -> None:
    assert Corpus("any", text).sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_an_old_corpus_keeps_what_would_be_refused_today() -> None:
    old = Corpus("old", "\ufeffa\0")
    assert old.text == "\ufeffa\0"
    assert Corpus.read("new", b"\xef\xbb\xbfa") == Corpus("new", "a")
    assert Corpus.read("new", "\ufeffa") == Corpus("new", "a")


# -- What is in it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        ("1日", ["Line ends: none.", "The text is in NFC: a letter and its accent are one character."]),
        (
            "Abc É",
            [
                "Line ends: none.",
                "The text is in NFC: a letter and its accent are one character.",
                "Letters: 2 of 4 are upper case (50.0%).",
            ],
        ),
        (
            "\ufeffa\r\nb\rc\n\nd",
            [
                "The byte-order mark at the beginning was dropped.",
                "Line ends: 1 CRLF, 1 CR, 2 LF. A model learns CR as a character of its own.",
                "The text is in NFC: a letter and its accent are one character.",
                "A spec can unify this: tokenizer.clean: [newlines].",
                "Letters: 0 of 4 are upper case (0.0%).",
            ],
        ),
        (
            "e\u0301\a\a\x85\ufeff\t\n",
            [
                "Line ends: 1 LF.",
                "The text is not in NFC: some letters and their accents are two characters each, and learned as two.",
                "A spec can unify this: tokenizer.clean: [nfc].",
                "Control characters, which a model learns too: 2 U+0007, 1 U+0085, 1 U+FEFF.",
                "Letters: 0 of 1 are upper case (0.0%).",
            ],
        ),
        (
            "\ufeff\ufeffé",
            [
                "The 2 byte-order marks at the beginning were dropped.",
                "Line ends: none.",
                "The text is in NFC: a letter and its accent are one character.",
                "Letters: 0 of 1 are upper case (0.0%).",
            ],
        ),
    ],
)
def test_what_nobody_sees_is_said(given: str, sentences: list[str]) -> None:
    assert Findings.of(given).sentences() == sentences


@examples(200)
@given(text=unicode_text)
def test_findings_count_every_character_that_they_are_about(text: str) -> None:
    found, kept = Findings.of(text), text.lstrip("\ufeff")
    assert found.byte_order_marks == len(text) - len(kept)
    assert (2 * found.crlf + found.cr + found.lf) == kept.count("\r") + kept.count("\n")
    assert found.composed == (unicodedata.normalize("NFC", kept) == kept)
    unseen = [c for c in kept if c == "\ufeff" or (unicodedata.category(c) == "Cc" and c not in "\t\r\n\0")]
    assert (found.upper, found.lower) == (sum(c.isupper() for c in kept), sum(c.islower() for c in kept))
    assert found.controls == {f"U+{ord(c):04X}": unseen.count(c) for c in sorted(set(unseen))}


@pytest.mark.parametrize("before", [_PIECE - 2, _PIECE - 1, _PIECE, 2 * _PIECE - 1])
def test_a_letter_of_two_characters_is_found_where_pieces_meet(before: int) -> None:
    assert Findings.of("é" * before).composed
    assert not Findings.of("é" * before + "e\u0301" + "é").composed
