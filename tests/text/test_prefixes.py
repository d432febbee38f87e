"""The prefix of samples has only characters that the model can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelab.errors import InvalidSpec
from gatelab.specs import RunSpec
from gatelab.text import Corpus, Texts
from gatelab.text.prefixes import check_prefix
from gatelab.text.token_counts import measure
from gatelab.text.tokenizers import UNKNOWN, train_tokenizer
from tests.randomized import examples, unicode_text

CHAR, LETTERS, BYTES = {"kind": "char"}, {"kind": "char", "normalize": "letters"}, {"kind": "byte"}


def spec_of(tokenizer: dict[str, str], prefix: str) -> RunSpec:
    training = {"sample": {"prefix": prefix}}
    return RunSpec.model_validate({"corpus": "any", "tokenizer": tokenizer, "training": training})


def check(tokenizer: dict[str, str], prefix: str, corpus: str) -> None:
    spec = spec_of(tokenizer, prefix)
    check_prefix(spec, measure(spec, Texts(Corpus("any", corpus))).alphabet)


@pytest.mark.parametrize(
    ("tokenizer", "prefix", "corpus"),
    [
        (CHAR, "", "a"),
        (CHAR, "ba", "abc"),
        (LETTERS, "It's 日\n", "it is a text"),
        (BYTES, "日", "a"),
    ],
)
def test_what_the_model_reads_is_allowed(tokenizer: dict[str, str], prefix: str, corpus: str) -> None:
    check(tokenizer, prefix, corpus)


REFUSED = "has characters that the corpus does not have"


@pytest.mark.parametrize(
    ("tokenizer", "prefix", "corpus", "message"),
    [
        (CHAR, "a日b\tA", "ab", r": '\t' 'A' '日'; allowed are the 2 of the corpus: 'a' 'b'"),
        (LETTERS, "Zi!", "it", " (read with normalize: letters): ' ' 'z'; allowed are the 2 of the corpus: 'i' 't'"),
    ],
)
def test_what_it_would_read_as_unknown_is_refused(
    tokenizer: dict[str, str], prefix: str, corpus: str, message: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        check(tokenizer, prefix, corpus)
    [found] = caught.value.problems
    assert (found.path, found.message) == ("training.sample.prefix", REFUSED + message)


def test_a_large_vocabulary_is_not_listed_whole() -> None:
    with pytest.raises(InvalidSpec) as caught:
        check(CHAR, "a", "".join(map(chr, range(0x4E00, 0x4E00 + 1000))))
    assert str(caught.value).endswith("and 900 more")


@examples(200)
@given(
    tokenizer=st.sampled_from([CHAR, LETTERS, BYTES]),
    prefix=st.text("abC é日\n") | unicode_text.filter(lambda text: "\0" not in text),
    corpus=st.text("abcdé \n", min_size=1),
)
def test_it_is_refused_where_the_tokenizer_knows_a_character_not(
    tokenizer: dict[str, str], prefix: str, corpus: str
) -> None:
    spec = spec_of(tokenizer, prefix)
    reader = train_tokenizer(spec.tokenizer, corpus)
    assert reader.alphabet == measure(spec, Texts(Corpus("any", corpus))).alphabet
    try:
        check_prefix(spec, reader.alphabet)
        refused = False
    except InvalidSpec:
        refused = True
    assert refused == (UNKNOWN in reader.encode(prefix).ids)
