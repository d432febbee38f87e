"""The text of the demo: The Time Machine by H. G. Wells (1895, public domain), or another text without it."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

import httpx2

from gatelab.errors import InvalidCorpus
from gatelab.specs.texts import accepted, decode

BOOK = "timemachine.txt"
BOOK_URL = "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"
BOOK_SHA1 = "090b5e7e70c295757f55df93cb0a180b9691891a"
"""Address and digest as published with Dive into Deep Learning."""
MAX_BYTES = 2**20
TIMEOUT_SECONDS = 5.0
PYTHON_CHARACTERS = 180_000
"""As much of Python's help as the length of the book, so that the demo takes the same time."""


@dataclass(frozen=True)
class DemoCorpus:
    """A text, its name as a corpus, and a line about its origin."""

    name: str
    text: str
    origin: str


def find(environment: Mapping[str, str] = os.environ, url: str = BOOK_URL, sha1: str = BOOK_SHA1) -> DemoCorpus:
    """The book from the folder `GATELAB_CORPORA`, from the cache or from `url`; else Python's own help texts."""
    if folder := environment.get("GATELAB_CORPORA"):
        file = Path(folder) / BOOK
        # Bytes, as everywhere: text mode would change its line ends, so that the same corpus would differ elsewhere.
        with suppress(OSError, InvalidCorpus):
            return DemoCorpus("time-machine", accepted(decode(file.read_bytes())), f"The Time Machine, from {file}")
    cached = cache_dir(environment) / BOOK
    with suppress(OSError):
        if _digest(data := cached.read_bytes()) == sha1:
            return DemoCorpus("time-machine", data.decode(), f"The Time Machine, from {cached}")
    try:
        data = download(url, sha1)
    except (httpx2.HTTPError, ValueError) as error:
        origin = f"Python's help texts, since The Time Machine could not be downloaded from {url} ({error})"
        return DemoCorpus("python-topics", python_topics(), origin)
    _keep(cached, data)
    return DemoCorpus("time-machine", data.decode(), f"The Time Machine, from {url}")


def cache_dir(environment: Mapping[str, str]) -> Path:
    """Where downloads are kept: `gatelab` in XDG_CACHE_HOME, else in ~/.cache."""
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "gatelab"


def download(url: str, sha1: str) -> bytes:
    """The text at `url`, if it is the published one.

    Raises:
        httpx2.HTTPError: it cannot be downloaded.
        ValueError: it is not the published text.
    """
    data = b""
    with httpx2.stream("GET", url, timeout=TIMEOUT_SECONDS, follow_redirects=True) as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    if (found := _digest(data)) != sha1:
        raise ValueError(f"its sha1 is {found} instead of {sha1}")
    return data


def python_topics() -> str:
    """English text that every Python has: the topics of its `help()`."""
    return "\n\n".join(_in_order(topics))[:PYTHON_CHARACTERS]


def _in_order(texts: Mapping[str, str]) -> Iterator[str]:
    return (texts[name] for name in sorted(texts))


def _digest(data: bytes) -> str:
    # Detects a damaged or exchanged file, by the digest that the book's authors chose.
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _keep(file: Path, data: bytes) -> None:
    """Put a download into the cache. If that is not possible, it is downloaded again next time."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
