"""Cleaning of texts, and the original place of each character that remains."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.specs import CharTokenizerSpec
from gatelab.specs.model import CLEANINGS, Cleaning
from gatelab.text import cleaning
from gatelab.text.cleaning import cleaned, origins
from gatelab.text.tokenizers import from_json, train_tokenizer
from tests.randomized import examples, unicode_text

texts = (
    st.text(st.sampled_from("aAéÉe\u0301\u0307\u00a0 \t\r\n\u2028.\u03a3\u0130\u1100\u1161\u11a8\u09c7\u09be"))
    | unicode_text
)
steps = st.lists(st.sampled_from(CLEANINGS), unique=True).map(tuple)


def plain(text: str, how: tuple[Cleaning, ...]) -> str:
    if "newlines" in how:
        text = re.sub("\r\n?", "\n", text)
    if "nfc" in how:
        text = unicodedata.normalize("NFC", text)
    if "lower" in how:
        text = text.lower()
    if "whitespace" in how:
        text = "\n".join(re.sub(r"\s+", " ", line) for line in text.split("\n"))
    return text


@examples(500)
@given(text=texts, how=steps, piece=st.sampled_from([1, 3, 2**18]))
def test_it_is_what_the_names_say(text: str, how: tuple[Cleaning, ...], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "PIECE", piece)
        assert cleaned(text, how) == plain(text, how)


@examples(500)
@given(text=texts, how=steps)
def test_every_character_has_an_origin(text: str, how: tuple[Cleaning, ...]) -> None:
    found = origins(text, how).tolist()
    assert len(found) == len(cleaned(text, how))
    assert found == sorted(found)
    assert all(0 <= at < len(text) for at in found)


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("a\r\nb\rc", ["newlines"], [0, 1, 3, 4, 5]),
        ("e\u0301a", ["nfc"], [0, 2]),
        ("\u1100\u1161\u11a8b", ["nfc"], [0, 3]),
        ("\u0130b", ["lower"], [0, 0, 1]),
        ("a \t b\n c", ["whitespace"], [0, 1, 4, 5, 6, 7]),
        ("E\u0301 \r\n x", ["newlines", "nfc", "lower", "whitespace"], [0, 2, 3, 5, 6]),
    ],
)
def test_where_characters_came_from(text: str, how: list[Cleaning], expected: list[int]) -> None:
    assert origins(text, how).tolist() == expected


def test_the_steps_have_one_order() -> None:
    spec = CharTokenizerSpec.model_validate({"kind": "char", "clean": ["lower", "newlines", "lower"]})
    assert spec.clean == ("newlines", "lower")


def test_prompts_are_read_as_the_text_was() -> None:
    spec = CharTokenizerSpec(kind="char", clean=("newlines", "nfc", "lower"))
    tokenizer = train_tokenizer(spec, "Cafe\u0301\r\nbar")
    assert tokenizer.alphabet == "\nabcfr\u00e9"
    prompt = "CAFE\u0301\rB"
    encoded = tokenizer.encode(prompt)
    assert tokenizer.decode(encoded.ids) == "caf\u00e9\nb"
    assert (encoded.characters, encoded.unknown) == (6, 0)
    assert tokenizer.places(prompt).tolist() == [0, 1, 2, 3, 5, 6]
    assert from_json(tokenizer.to_json()) == tokenizer
    assert tokenizer.to_json()["clean"] == ["newlines", "nfc", "lower"]
