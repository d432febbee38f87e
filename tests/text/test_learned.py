"""Learned tokenizers: the text from which they are learned, that they are reproducible, and their tokens."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.errors import InvalidSpec
from gatelab.specs import RunSpec, TokenizerSpec, parse
from gatelab.text import Corpus, Texts, prepare
from gatelab.text.token_counts import MOST_LEARNED_FROM, measure
from gatelab.text.tokenizers import SPECIALS, UNKNOWN, BpeTokenizer, UnigramTokenizer, WordsTokenizer, from_json
from gatelab.text.tokenizers import train_tokenizer as learn
from gatelab.text.tokenizers.learning import sampled
from gatelab.text.tokenizers.splitting import words
from gatelab.text.windows import check_length
from tests.randomized import examples, unicode_text

KINDS = [{"kind": "bpe", "size": 400}, {"kind": "unigram", "size": 400}, {"kind": "words", "most": 300}]
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["kind"])

mixed = st.text(st.sampled_from("aabbc  \n\t.,'_19é日🙂")) | unicode_text


def spec_of(kind: dict[str, object], **more: object) -> RunSpec:
    return parse(RunSpec, {"corpus": "any", "tokenizer": kind} | more)


def tokenizer_spec(kind: dict[str, object]) -> TokenizerSpec:
    return spec_of(kind).tokenizer


# -- Where texts are cut ------------------------------------------------------------------------------------------


@examples(300)
@given(text=mixed)
def test_words_are_the_text(text: str) -> None:
    found = [word for some in words(text) for word in some]
    assert "".join(found) == text
    assert all(0 < len(word) <= 33 for word in found)


def test_a_word_has_the_space_before_it() -> None:
    [found] = words("It's  3 cats,\n\n  said\tshe_")
    assert found == ["It", "'", "s", " ", " 3", " cats", ",", "\n\n ", " said", "\t", "she", "_"]


@examples(100)
@given(text=mixed)
def test_pieces_of_the_text_make_no_difference(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        whole = [word for some in words(text) for word in some]
        patch.setattr("gatelab.text.tokenizers.splitting.PIECE", 3)
        assert [word for some in words(text) for word in some] == whole


# -- What is learned ----------------------------------------------------------------------------------------------


def test_byte_pairs_are_joined_as_hugging_face_joins_them(time_machine: str) -> None:
    from tokenizers import Tokenizer, models
    from tokenizers.pre_tokenizers import CharDelimiterSplit

    made = learn(tokenizer_spec({"kind": "bpe", "size": 700}), time_machine[:60_000])
    assert isinstance(made, BpeTokenizer)
    letters = [piece.decode("latin-1") for piece in made.pieces]
    merges = [(letters[left], letters[right]) for left, right in made.merges]
    theirs = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, merges))
    theirs.pre_tokenizer = CharDelimiterSplit("\0")
    text = time_machine[60_000:90_000] + "unfrequentedly naïve 日本"
    joined = "\0".join(word for some in words(text) for word in some).encode().decode("latin-1")
    assert (made.encode(text).ids - SPECIALS).tolist() == theirs.encode(joined).ids
    assert len(made.pieces) == 700


def test_the_likeliest_pieces_are_taken() -> None:
    pieces = {"ab": -1.0, "abc": -4.0, "bc": -0.5, "c": -2.0}
    scores = [-9.0] * 256
    scores[ord("c")], scores[ord("a")] = -2.0, -2.0
    made = from_json(
        {
            "kind": "unigram",
            "longer": [piece for piece in pieces if len(piece) > 1],
            "scores": scores + [score for piece, score in pieces.items() if len(piece) > 1],
        }
    )
    assert [made.name(token) for token in made.encode("abc").ids] == ["a", "bc"]  # -2.5, against -3 and -4
    assert [made.name(token) for token in made.encode("ab").ids] == ["ab"]


def test_what_is_learned_is_the_same_in_every_process(time_machine: str) -> None:
    program = (
        "import json, sys; from tests.text.test_learned import learn, tokenizer_spec;"
        "kinds, text = json.load(sys.stdin);"
        "print(json.dumps([learn(tokenizer_spec(kind), text).to_json() for kind in kinds]))"
    )
    given = json.dumps([KINDS, time_machine[:20_000]])
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True, check=True)
    for kind, found in zip(KINDS, json.loads(done.stdout), strict=True):
        here = learn(tokenizer_spec(kind), time_machine[:20_000])
        assert found == here.to_json()
        assert from_json(found) == here


@EVERY
def test_longer_pieces_make_fewer_tokens(kind: dict[str, object], time_machine: str) -> None:
    made = learn(tokenizer_spec(kind), time_machine[:40_000])
    text = time_machine[40_000:60_000]
    assert len(made.encode(text).ids) < 0.75 * len(text)
    assert 300 <= made.vocabulary - SPECIALS <= 400


@pytest.mark.parametrize("text", ["a", "ab", "日", "ab" * 50, "\n"])
@pytest.mark.parametrize("kind", KINDS[:2], ids=["bpe", "unigram"])
def test_short_texts_can_be_learned_from(kind: dict[str, object], text: str) -> None:
    made = learn(tokenizer_spec(kind), text)
    assert made.decode(made.encode(text + "é").ids) == text + "é"


def test_words_are_the_frequent_ones() -> None:
    made = learn(tokenizer_spec({"kind": "words", "most": 2, "at_least": 2}), "a b a b a c c d")
    assert isinstance(made, WordsTokenizer)
    assert made.words == (" a", " b")
    encoded = made.encode("a a é b")
    assert encoded.ids.tolist() == [UNKNOWN, SPECIALS, UNKNOWN, SPECIALS + 1]
    assert (encoded.unknown, encoded.characters) == (3, 4)
    assert made.characters_in(encoded.ids) == 4
    assert made.places("a a é b").tolist() == [0, 1, 3, 5]
    assert made.decode(encoded.ids) == " a b"


def test_a_text_without_frequent_words_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="no word of the training text occurs 3 times; the most frequent occurs 2"):
        learn(tokenizer_spec({"kind": "words", "at_least": 3}), " a a b")


def test_a_sample_is_taken_at_even_distances() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 6400)))
    found = sampled(text, 640)
    assert (len(found), found[0], found[-1]) == (640, text[0], text[-1])
    assert sampled(text, 6400) == text


# -- In a run -----------------------------------------------------------------------------------------------------


@EVERY
def test_only_the_training_part_is_learned_from(kind: dict[str, object], time_machine: str) -> None:
    text = time_machine[:30_000]
    train = text[: 30_000 * 8 // 10]
    data = prepare(spec_of(kind), Corpus("any", text))
    assert data.tokenizer == learn(tokenizer_spec(kind), train)
    assert data.train.ids.tolist()[1:] == data.tokenizer.encode(train).ids.tolist()
    assert data.test is not None
    held_out = [data.tokenizer.encode(part).ids for part in (text[24_000:27_000], text[27_000:])]
    for windows, ids in zip((data.validation, data.test), held_out, strict=True):
        assert windows.scored.tolist() == ids.tolist()


@EVERY
def test_the_extent_of_a_short_text_is_exact(kind: dict[str, object], time_machine: str) -> None:
    texts = Texts(Corpus("any", time_machine[:30_000]), test=Corpus("other", time_machine[-2000:]))
    spec = spec_of(kind, corpus={"train": "any", "test": "other"})
    extent, data = measure(spec, texts), prepare(spec, texts)
    assert extent.exact
    assert extent.vocabulary == data.tokenizer.vocabulary
    found = extent.lengths(spec)
    assert data.test is not None
    assert (found.train, found.validation, found.test) == tuple(
        len(windows.ids) - 1 for windows in (data.train, data.validation, data.test)
    )


@EVERY
def test_the_extent_of_a_long_text_is_near(kind: dict[str, object], shakespeare: str) -> None:
    spec = spec_of(kind)
    text = shakespeare[:400_000]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MOST_LEARNED_FROM, type(spec.tokenizer), 20_000)
        extent = measure(spec, Texts(Corpus("any", text)))
    data = prepare(spec, Corpus("any", text))
    assert not extent.exact
    assert extent.vocabulary >= data.tokenizer.vocabulary
    assert extent.lengths(spec).train == pytest.approx(len(data.train.ids), rel=0.1)
    check_length(spec, extent)


@EVERY
def test_windows_of_what_is_learned_cannot_be_numbered(kind: dict[str, object], time_machine: str) -> None:
    spec = spec_of(kind, training={"windows": {"train": 5, "validation": 5}})
    for refuse in (lambda texts: measure(spec, texts), lambda texts: prepare(spec, texts)):
        with pytest.raises(InvalidSpec, match="learns from the training part first"):
            refuse(Texts(Corpus("any", time_machine)))


def test_a_known_tokenizer_is_not_learned_again(time_machine: str) -> None:
    spec = spec_of(KINDS[1])
    known = learn(tokenizer_spec(KINDS[0]), time_machine[:3000])
    assert prepare(spec, Corpus("any", time_machine[:9000]), known).tokenizer is known


def test_scores_are_those_of_the_pieces(time_machine: str) -> None:
    made = learn(tokenizer_spec(KINDS[1]), time_machine[:40_000])
    assert isinstance(made, UnigramTokenizer)
    assert len(made.scores) == len(made.pieces) == len(set(made.pieces))
    assert list(made.scores[256:]) == sorted(made.scores[256:], reverse=True)
