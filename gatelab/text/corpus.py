"""A corpus: an immutable UTF-8 text, known by name and sha256."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gatelab.errors import InvalidCorpus, TooLarge


@dataclass(frozen=True)
class Corpus:
    name: str
    text: str

    @cached_property
    def sha256(self) -> str:
        """Of the UTF-8 bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def decode(data: bytes) -> str:
    """The text of an uploaded file. A byte-order mark is dropped.

    Raises:
        InvalidCorpus: it is not UTF-8; the message says at which byte.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidCorpus.at("file", f"must be UTF-8 text; byte {error.start} is not") from None


def check(text: str, max_bytes: int) -> None:
    """
    Raises:
        InvalidCorpus: the text is empty or cannot be encoded as UTF-8.
        TooLarge: it has more than `max_bytes` bytes as UTF-8.
    """
    if not text.strip():
        raise InvalidCorpus.at("text", "must not be empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidCorpus.at("text", f"must be valid Unicode; character {error.start} is half a pair") from None
    if size > max_bytes:
        raise TooLarge(f"the text has {size} bytes; this installation takes at most {max_bytes}")
