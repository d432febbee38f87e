"""Corpora, as the API answers them."""

from gatelab.store import Corpus as StoredCorpus
from gatelab.wire.base import moment
from gatelab.wire.corpora import Corpus


def corpus_of(corpus: StoredCorpus) -> Corpus:
    return Corpus(
        id=corpus.id,
        name=corpus.name,
        sha256=corpus.sha256,
        characters=corpus.characters,
        created_at=moment(corpus.created_at),
        notes=corpus.findings.sentences() if corpus.findings else [],
    )
