"""A corpus: an immutable UTF-8 text, known by name and sha256."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gatelab.errors import TooLarge
from gatelab.specs.texts import accepted, decode


@dataclass(frozen=True)
class Corpus:
    """A stored text. It may be older than the rules for texts, which `read` applies to new ones."""

    name: str
    text: str

    @classmethod
    def read(cls, name: str, given: str | bytes) -> "Corpus":
        """The corpus of a text, or of a file's bytes, from outside.

        Raises:
            InvalidCorpus: it is not UTF-8, has a character that texts must not have, or has nothing to learn.
        """
        return cls(name, accepted(decode(given) if isinstance(given, bytes) else given))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the UTF-8 bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def check_size(text: str, max_bytes: int) -> None:
    """
    Raises:
        TooLarge: `text`, which must be valid Unicode, has more than `max_bytes` bytes as UTF-8.
    """
    if (size := len(text.encode())) > max_bytes:
        raise TooLarge(f"the text has {size} bytes; this installation takes at most {max_bytes}")
