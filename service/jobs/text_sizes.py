"""The numbers of tokens of the texts of a job's runs."""

from collections.abc import Mapping
from typing import Any

from gatelab.specs import RunSpec
from gatelab.store import Corpus, Store
from gatelab.text import Corpus as Text
from gatelab.text import Texts
from gatelab.text.token_counts import Extent, measure


class TextSizes:
    """Sizes that are measured on request, once for all runs that read the same texts in the same way.

    Args:
        corpora: the corpora, by the name or id that the runs use.
    """

    def __init__(self, store: Store, corpora: Mapping[str, Corpus]) -> None:
        self._store, self._corpora = store, corpora
        self._texts: dict[str, Text] = {}
        self._found: dict[Any, Extent] = {}

    def __getitem__(self, run: RunSpec) -> Extent:
        """
        Raises:
            InvalidSpec: no word is frequent enough to be learned, or windows are numbered that cannot be.
        """
        windows = run.training.windows
        key = run.tokenizer, run.texts, windows.split, windows.gap, windows.counts
        if key not in self._found:
            self._found[key] = measure(run, self._of(run))
        return self._found[key]

    def _of(self, run: RunSpec) -> Texts:
        texts = run.texts
        held_out = (None if name is None else self._text(name) for name in (texts.validation, texts.test))
        return Texts(self._text(texts.train), *held_out)

    def _text(self, name: str) -> Text:
        id = self._corpora[name].id
        if id not in self._texts:
            self._texts[id] = Text(*self._store.corpora.named_text(id))
        return self._texts[id]
