"""Corpora and parts of them, as the API answers them."""

from datetime import datetime
from typing import Literal

from gatelab.store import Corpus as StoredCorpus
from service.views import View, moment


class Corpus(View):
    """`notes` are sentences about what is invisible in the text: line ends, composition, control characters.

    They are empty of a corpus that was added before anybody looked.
    """

    id: str
    name: str
    sha256: str
    characters: int
    created_at: datetime
    notes: list[str] = []

    @classmethod
    def of(cls, corpus: StoredCorpus) -> "Corpus":
        return cls(
            id=corpus.id,
            name=corpus.name,
            sha256=corpus.sha256,
            characters=corpus.characters,
            created_at=moment(corpus.created_at),
            notes=corpus.findings.sentences() if corpus.findings else [],
        )


Normalization = Literal["none", "letters"]


class Passage(View):
    """A piece of a corpus, from character `start` on; `characters` is the length of the whole."""

    start: int
    text: str
    characters: int


class Letter(View):
    character: str
    count: int


class Alphabet(View):
    """`characters` is the length of the text after `normalize`."""

    normalize: Normalization
    characters: int
    data: list[Letter]
