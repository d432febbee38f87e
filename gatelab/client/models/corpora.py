"""Corpora, as the service answers them."""

from datetime import datetime

from gatelab.client.models.base import Answer


class Corpus(Answer):
    """`notes` are sentences about what is invisible in the text: line ends, composition, control characters."""

    id: str
    name: str
    sha256: str
    characters: int
    created_at: datetime | None = None
    notes: list[str] = []


class Passage(Answer):
    """A piece of a corpus, from character `start` on. `characters` is the length of the whole text."""

    start: int
    text: str
    characters: int
