import hashlib
from collections.abc import Callable
from functools import partial

import pytest

from gatelab.errors import CorpusInUse, CorpusNameTaken, InvalidCorpus, InvalidRequest, NotFound
from gatelab.store import Corpus, Job, Store
from gatelab.text.findings import Findings
from tests.store.conftest import at_once, old_corpus


def test_a_text_comes_back_as_it_went_in(store: Store) -> None:
    text = "naïve \x01 \U0001f600 line\r\nend"
    corpus, created = store.corpora.add("odd", text)
    assert created
    assert store.corpora.text(corpus.id) == text
    assert corpus.characters == len(text)
    assert corpus.bytes == len(text.encode())
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_corpus_is_found_by_name_and_by_id(store: Store) -> None:
    corpus, _ = store.corpora.add("one", "text")
    assert store.corpora.get("one") == store.corpora.get(corpus.id) == corpus


def test_a_new_name_does_not_look_like_an_id(store: Store) -> None:
    corpus, _ = store.corpora.add("one", "text")
    with pytest.raises(InvalidRequest, match="name: must not look like the id of a corpus"):
        store.corpora.add(corpus.id, "another text")
    assert [found.name for found in store.corpora.list().items] == ["one"]


def test_a_corpus_whose_name_looks_like_an_id_is_still_found(store: Store) -> None:
    corpus, _ = store.corpora.add("one", "text")
    hidden = old_corpus(store, corpus.id, "another text")
    alone = old_corpus(store, "run-0123456789abcdefgh", "a third text")
    assert store.corpora.get(corpus.id) == corpus
    assert store.corpora.text(store.corpora.get(hidden).id) == "another text"
    assert store.corpora.get("run-0123456789abcdefgh").id == alone
    # Adding the same again changes nothing, as ever.
    assert store.corpora.add("run-0123456789abcdefgh", "a third text") == (store.corpora.get(alone), False)
    store.corpora.delete(hidden)
    assert store.corpora.get(corpus.id) == corpus


def test_a_corpus_from_before_keeps_a_text_that_would_be_refused(store: Store) -> None:
    id = old_corpus(store, "old", "\ufeffa\0b")
    assert store.corpora.named_text(id) == ("old", "\ufeffa\0b")
    assert store.corpora.get("old").findings is None


def test_a_file_whose_mark_was_kept_before_is_still_the_same_corpus(store: Store) -> None:
    id = old_corpus(store, "old", "\ufefftext")
    assert store.corpora.add("old", "\ufefftext") == (store.corpora.get(id), False)
    with pytest.raises(CorpusNameTaken):
        store.corpora.add("old", "another text")


@pytest.mark.parametrize("text", ["a\0b", "", " ", "\ufeff", "ab\ud800"])
def test_a_text_that_no_door_takes_is_not_kept(text: str, store: Store) -> None:
    with pytest.raises(InvalidCorpus):
        store.corpora.add("one", text)
    assert store.corpora.list().items == []


def test_a_byte_order_mark_is_no_part_of_a_text_and_is_remembered(store: Store) -> None:
    corpus, created = store.corpora.add("one", "\ufefftext\r\n")
    assert created
    assert store.corpora.text(corpus.id) == "text\r\n"
    assert store.corpora.get("one").findings == corpus.findings == Findings(byte_order_marks=1, crlf=1, lower=4)
    assert store.corpora.add("one", "text\r\n") == (corpus, False)


def test_the_same_name_and_text_is_the_same_corpus(store: Store) -> None:
    first, _ = store.corpora.add("one", "text")
    assert store.corpora.add("one", "text") == (first, False)


def test_a_name_belongs_to_one_text(store: Store) -> None:
    store.corpora.add("one", "text")
    with pytest.raises(CorpusNameTaken, match="'one'"):
        store.corpora.add("one", "another text")


def test_of_many_who_add_the_same_at_once_one_creates_it(store: Store) -> None:
    results = at_once([lambda: store.corpora.add("one", "text")] * 8)
    assert sum(created for _, created in results) == 1
    assert len({corpus.id for corpus, _ in results}) == 1


def test_of_many_who_want_a_name_for_different_texts_one_gets_it(store: Store) -> None:
    def add(number: int) -> bool:
        try:
            return store.corpora.add("one", f"text {number}")[1]
        except CorpusNameTaken:
            return False

    assert sum(at_once([partial(add, number) for number in range(8)])) == 1


def test_a_name_that_the_database_cannot_hold_is_refused(store: Store) -> None:
    with pytest.raises(InvalidRequest):
        store.corpora.get("\ud800")


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for ask in (store.corpora.get, store.corpora.text, store.corpora.delete):
        with pytest.raises(NotFound, match="there is no corpus 'none'"):
            ask("none")


def test_a_corpus_can_be_deleted(store: Store) -> None:
    store.corpora.add("one", "text")
    store.corpora.delete("one")
    assert store.corpora.list().items == []


def test_a_corpus_in_use_stays(store: Store, corpus: Corpus, new_job: Callable[..., Job]) -> None:
    job = new_job()
    with pytest.raises(CorpusInUse):
        store.corpora.delete(corpus.name)
    store.jobs.delete(job.id)
    store.corpora.delete(corpus.name)


def test_corpora_are_listed_newest_first(store: Store) -> None:
    names = [f"corpus-{number}" for number in range(5)]
    for name in names:
        store.corpora.add(name, name)
    page = store.corpora.list(limit=3)
    rest = store.corpora.list(limit=3, cursor=page.next)
    assert [corpus.name for corpus in page.items + rest.items] == names[::-1]
    assert rest.next is None
