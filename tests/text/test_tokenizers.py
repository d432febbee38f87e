"""Tokenizers: text to ids and back, on any Unicode text."""

import string
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.specs import (
    BpeTokenizerSpec,
    ByteTokenizerSpec,
    CharTokenizerSpec,
    RunSpec,
    TokenizerSpec,
    UnigramTokenizerSpec,
)
from gatelab.text import Corpus, Texts
from gatelab.text.token_counts import Extent, measure
from gatelab.text.tokenizers import (
    BEGIN,
    SPECIALS,
    UNKNOWN,
    ByteTokenizer,
    CharTokenizer,
    Tokenizer,
    from_json,
    normalized,
    train_tokenizer,
)
from tests.randomized import examples, unicode_text

CHARACTERS = CharTokenizerSpec(kind="char")
LETTERS = CharTokenizerSpec(kind="char", normalize="letters")
BYTES = ByteTokenizerSpec(kind="byte")
BPE = BpeTokenizerSpec(kind="bpe", size=300)
UNIGRAM = UnigramTokenizerSpec(kind="unigram", size=300)
PIECES = (BPE, UNIGRAM)
SPECS = pytest.mark.parametrize(
    "spec", [CHARACTERS, LETTERS, BYTES, *PIECES], ids=["none", "letters", "byte", "bpe", "unigram"]
)

letters_and_more = st.text(st.sampled_from("abcXYZ éßİK \t\n-'0🙂")) | unicode_text


def plain_letters(text: str) -> str:
    """Lower case, with each run of anything but a-z as one space: character by character."""
    clean = ""
    for character in text.lower():
        if character in string.ascii_lowercase:
            clean += character
        elif not clean.endswith(" "):
            clean += " "
    return clean


@examples(300)
@given(letters_and_more)
def test_letters_are_lower_case_with_one_space_between(text: str) -> None:
    assert normalized(text, "letters") == plain_letters(text)
    assert normalized(text, "none") == text


@SPECS
@examples(200)
@given(text=letters_and_more)
def test_what_a_tokenizer_is_trained_on_comes_back(spec: TokenizerSpec, text: str) -> None:
    tokenizer = train_tokenizer(spec, text)
    encoded = tokenizer.encode(text)
    seen = plain_letters(text) if spec == LETTERS else text
    assert tokenizer.decode(encoded.ids) == seen
    assert encoded.characters == len(seen)
    assert encoded.ids.dtype == np.int64
    assert tokenizer.characters_in(encoded.ids) == len(seen)
    if spec not in PIECES:  # which are learned from a part of the text
        extent = measure(RunSpec(corpus="any", tokenizer=spec), Texts(Corpus("any", text)))
        assert extent == Extent(len(encoded.ids), tokenizer.vocabulary, tokenizer.alphabet)
    assert ((encoded.ids >= SPECIALS) & (encoded.ids < tokenizer.vocabulary)).all()


@SPECS
@examples(50)
@given(text=letters_and_more, other=letters_and_more)
def test_a_tokenizer_survives_json(spec: TokenizerSpec, text: str, other: str) -> None:
    tokenizer = train_tokenizer(spec, text)
    again = from_json(tokenizer.to_json())
    assert again == tokenizer
    assert np.array_equal(again.encode(other).ids, tokenizer.encode(other).ids)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "bpe"},
        {"kind": "char"},
        {"kind": "char", "characters": 3},
        {"kind": "bpe", "merges": [[0]]},
        {"kind": "bpe", "merges": [[0, 256]]},
        {"kind": "bpe", "merges": [[True, -1]]},
        {"kind": "unigram", "longer": ["日"], "scores": [0.0] * 257},
        {"kind": "unigram", "longer": ["ab"], "scores": [0.0] * 256},
        {"kind": "unigram", "longer": ["ab"], "scores": [float("nan")] * 257},
        {"kind": "words", "words": ["a", "a"]},
        {"kind": "words", "words": []},
        {"kind": "byte", "clean": ["lower", "nfc"]},
        {"kind": "byte", "clean": "nfc"},
    ],
)
def test_what_is_not_a_tokenizer_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not a (tokenizer|way to clean)"):
        from_json(data)


def test_the_vocabulary_is_the_sorted_characters_behind_the_special_ids() -> None:
    tokenizer = train_tokenizer(CHARACTERS, "hello, wörld 🙂")
    assert tokenizer == CharTokenizer(" ,dehlorwö🙂", "none")
    assert tokenizer.vocabulary == SPECIALS + 11
    assert tokenizer.encode("d ").ids.tolist() == [SPECIALS + 2, SPECIALS]
    assert ByteTokenizer().vocabulary == SPECIALS + 256


# -- What is unknown ----------------------------------------------------------------------------------------------


@examples(200)
@given(trained=unicode_text, text=unicode_text)
def test_unknown_characters_are_counted_and_become_unk(trained: str, text: str) -> None:
    encoded = train_tokenizer(CHARACTERS, trained).encode(text)
    assert [i == UNKNOWN for i in encoded.ids] == [character not in trained for character in text]
    assert encoded.unknown == sum(character not in trained for character in text)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("it has", 0), ("It HAS", 0), ("it\t\n  has", 0), ("it's", 1), ("12 times", 2), ("", 0), ("é🙂", 2)],
)
def test_letters_count_what_they_replace(text: str, unknown: int) -> None:
    tokenizer = train_tokenizer(LETTERS, string.ascii_lowercase + " ")
    assert tokenizer.encode(text).unknown == unknown


@examples(100)
@given(text=unicode_text)
def test_to_bytes_nothing_is_unknown(text: str) -> None:
    encoded = ByteTokenizer().encode(text)
    assert (encoded.unknown, encoded.characters) == (0, len(text))
    assert (encoded.ids - SPECIALS).tolist() == list(text.encode())


def test_an_empty_vocabulary_knows_nothing() -> None:
    encoded = CharTokenizer("", "none").encode("ab")
    assert (encoded.ids.tolist(), encoded.unknown) == ([UNKNOWN, UNKNOWN], 2)


# -- The decoder --------------------------------------------------------------------------------------------------


@SPECS
def test_special_ids_have_no_text(spec: TokenizerSpec) -> None:
    tokenizer = train_tokenizer(spec, "abc")
    a, b, c = tokenizer.encode("abc").ids.tolist()
    assert tokenizer.decode([BEGIN, a, UNKNOWN, b, c]) == "abc"


@examples(200)
@given(text=unicode_text)
def test_bytes_show_each_character_when_it_is_complete(text: str) -> None:
    tokenizer = ByteTokenizer()
    decode = tokenizer.decoder()
    shown = [decode(int(i)) for i in tokenizer.encode(text).ids]
    expected = [piece for character in text for piece in [""] * (len(character.encode()) - 1) + [character]]
    assert shown == expected


@examples(200)
@given(data=st.binary(max_size=30))
def test_any_bytes_decode_to_text_that_can_be_sent(data: bytes) -> None:
    text = ByteTokenizer().decode([byte + SPECIALS for byte in data])
    assert data.decode(errors="replace").startswith(text)
    text.encode()


def test_decoders_of_one_tokenizer_are_independent() -> None:
    tokenizer: Tokenizer = ByteTokenizer()
    first, second = tokenizer.decoder(), tokenizer.decoder()
    one, two = tokenizer.encode("é").ids.tolist()
    assert (first(one), second(one), first(two), second(two)) == ("", "", "é", "é")


@examples(200)
@given(data=st.binary(max_size=30), at=st.integers(0, 30))
def test_a_decoder_goes_on_where_another_stopped(data: bytes, at: int) -> None:
    tokenizer = ByteTokenizer()
    ids = [byte + SPECIALS for byte in data]
    first = tokenizer.decoder()
    begun = "".join(map(first, ids[:at]))
    assert len(first.pending) < 4
    assert begun + "".join(map(tokenizer.decoder(first.pending), ids[at:])) == tokenizer.decode(ids)


@SPECS
@examples(200)
@given(data=st.binary(max_size=12), specials=st.sets(st.integers(0, 12)))
def test_ids_end_within_the_character_that_a_decoder_has_begun(
    spec: TokenizerSpec, data: bytes, specials: set[int]
) -> None:
    tokenizer = train_tokenizer(spec, "abc")
    ids = [UNKNOWN if at in specials else SPECIALS + byte % (tokenizer.vocabulary - 2) for at, byte in enumerate(data)]
    decode = tokenizer.decoder()
    for token in ids:
        decode(token)
    assert tokenizer.begun(np.array(ids, dtype=np.int64)) == decode.pending


# -- Where ids stand, and what they are called --------------------------------------------------------------------


@SPECS
@examples(200)
@given(text=letters_and_more, trained=letters_and_more)
def test_every_id_has_a_place_in_the_text(spec: TokenizerSpec, text: str, trained: str) -> None:
    tokenizer = train_tokenizer(spec, trained)
    ids, places = tokenizer.encode(text).ids.tolist(), tokenizer.places(text).tolist()
    assert len(places) == len(ids)
    assert places == sorted(places)
    if spec in PIECES:
        assert "".join(text[at:end] for at, end in pairwise([*places, len(text)])) == text
    elif spec == BYTES:
        assert places == [at for at, character in enumerate(text) for _ in character.encode()]
    elif spec == CHARACTERS:
        assert places == list(range(len(text)))
    else:
        seen = normalized(text, "letters")
        assert all(seen[number] in text[at].lower() or seen[number] == " " for number, at in enumerate(places))


@examples(200)
@given(text=unicode_text)
def test_the_places_of_what_is_decoded_are_those_of_the_text(text: str) -> None:
    for tokenizer in (ByteTokenizer(), *(train_tokenizer(spec, text) for spec in (CHARACTERS, *PIECES))):
        decode, found, at = tokenizer.decoder(), [], 0
        for token in tokenizer.encode(text).ids.tolist():
            place, piece = decode.place(token, at)
            found.append(place)
            at += len(piece)
        assert found == tokenizer.places(text).tolist()


@examples(200)
@given(data=st.binary(max_size=20))
def test_a_byte_that_is_no_character_stands_where_it_is_shown(data: bytes) -> None:
    decode, at, places, text = ByteTokenizer().decoder(), 0, [], ""
    for byte in data:
        place, piece = decode.place(byte + SPECIALS, at)
        places.append(place)
        text += piece
        at += len(piece)
    # A byte's place is that of the last character, if the text ended with this byte.
    assert places == [len(data[: number + 1].decode(errors="replace")) - 1 for number in range(len(data))]


@pytest.mark.parametrize(
    "tokenizer",
    [
        ByteTokenizer(),
        train_tokenizer(CHARACTERS, "ab\N{REPLACEMENT CHARACTER}<"),
        *(train_tokenizer(spec, "<unk> bytes:\\xc3 é é éé" * 20) for spec in PIECES),
    ],
)
def test_ids_have_names_of_their_own(tokenizer: Tokenizer) -> None:
    names = [tokenizer.name(token) for token in range(tokenizer.vocabulary)]
    assert len(set(names)) == len(names)
    assert names[:SPECIALS] == ["<unk>", "<bos>"]


def test_names_are_what_the_corpus_has_or_the_byte() -> None:
    characters = train_tokenizer(CHARACTERS, "a\N{REPLACEMENT CHARACTER}")
    assert [characters.name(token) for token in (2, 3)] == ["a", "\N{REPLACEMENT CHARACTER}"]
    assert [ByteTokenizer().name(byte + SPECIALS) for byte in (0x61, 0x7F, 0x80, 0xFF)] == [
        "a",
        "\x7f",
        "bytes:\\x80",
        "bytes:\\xff",
    ]
