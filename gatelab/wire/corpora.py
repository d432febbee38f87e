"""Corpora: the texts that runs read."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from gatelab.wire.base import Wire


class Corpus(Wire):
    """An immutable text."""

    id: str
    name: str
    sha256: str = Field(description="digest of the text as UTF-8")
    characters: int
    created_at: datetime
    notes: list[str] = Field(
        [],
        description="sentences about invisible properties of the text: line ends, composition, control characters;"
        " empty for a corpus that was added before Gatelab had notes",
    )


class Passage(Wire):
    """A piece of a corpus."""

    start: int = Field(description="the place of its first character")
    text: str
    characters: int = Field(description="length of the whole text")


Normalization = Literal["none", "letters"]


class Letter(Wire):
    """A character of a corpus, with the number of times it occurs."""

    character: str
    count: int


class Alphabet(Wire):
    """The characters of a corpus, the most frequent first."""

    normalize: Normalization
    characters: int = Field(description="length of the text after `normalize`")
    data: list[Letter]
