"""Texts to train on: add, make, list, delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gatelab.client.calls.base import Calls, data_of, path_of
from gatelab.client.models import Corpus, Page, Passage

if TYPE_CHECKING:
    from gatelab.specs import SyntheticSpec


class CorpusCalls(Calls):
    """The methods of `gatelab.Gatelab` for corpora."""

    def add_corpus(self, name: str, text: str | bytes) -> Corpus:
        """Add a text, or the bytes of a file in UTF-8, under a name. Adding the same again changes nothing.

        Raises:
            InvalidCorpus: it is not UTF-8, has a character that texts must not have, or has nothing to learn.
        """
        # Imported here: checking a text needs the library of specs, and most programs add none.
        from gatelab.specs.texts import accepted, decode

        given = decode(text) if isinstance(text, bytes) else text
        accepted(given)
        # The byte-order mark is sent, too: the service drops it and says so in the corpus's notes.
        return self._transport.post("/v1/corpora", Corpus, {"name": name, "text": given})

    def make_corpus(self, name: str, task: SyntheticSpec | Mapping[str, Any]) -> Corpus:
        """Let the service make a text that needs memory. The same task always makes the same text."""
        return self._transport.post("/v1/corpora", Corpus, {"name": name, "synthetic": data_of(task)})

    def corpora(self) -> Iterator[Corpus]:
        return self._pages("/v1/corpora", Page[Corpus])

    def corpus(self, corpus: str) -> Corpus:
        """The corpus with this name or id."""
        return self._transport.get(path_of("corpora", corpus), Corpus)

    def corpus_text(self, corpus: str, start: int = 0, characters: int | None = None) -> Passage:
        """A piece of a corpus. The service chooses its length if `characters` is None."""
        wanted = {"start": start} | ({} if characters is None else {"characters": characters})
        return self._transport.get(path_of("corpora", corpus, "text"), Passage, wanted)

    def delete_corpus(self, corpus: str) -> None:
        self._transport.delete(path_of("corpora", corpus))
