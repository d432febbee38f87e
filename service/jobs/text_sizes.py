"""The numbers of tokens of the texts of a job's runs."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from gatelab.specs import RunSpec
from gatelab.store import Corpus, Store
from gatelab.text import Corpus as Text
from gatelab.text import Texts
from gatelab.text.token_counts import Extent, measure

MOST_KNOWN = 1024
"""The number of sizes that this process remembers, those that were needed last."""
_known: OrderedDict[Any, Extent] = OrderedDict()
_lock = threading.Lock()


class TextSizes:
    """Sizes that are measured on request, once for all runs that read the same texts in the same way.

    They are remembered by the sha256 of the texts, since measuring reads megabytes from the database.

    Args:
        corpora: the corpora, by the name or id that the runs use.
    """

    def __init__(self, store: Store, corpora: Mapping[str, Corpus]) -> None:
        self._store, self._corpora = store, corpora
        self._texts: dict[str, Text] = {}

    def __getitem__(self, run: RunSpec) -> Extent:
        """
        Raises:
            InvalidSpec: no word is frequent enough to be learned, or windows are numbered that cannot be.
        """
        texts, windows = run.texts, run.training.windows
        digests = (name and self._corpora[name].sha256 for name in (texts.train, texts.validation, texts.test))
        key = run.tokenizer, *digests, windows.split, windows.gap, windows.counts
        with _lock:
            if (found := _known.get(key)) is not None:
                _known.move_to_end(key)
                return found
        found = measure(run, self._of(run))
        with _lock:
            _known[key] = found
            while len(_known) > MOST_KNOWN:
                _known.popitem(last=False)
        return found

    def _of(self, run: RunSpec) -> Texts:
        texts = run.texts
        held_out = (None if name is None else self._text(name) for name in (texts.validation, texts.test))
        return Texts(self._text(texts.train), *held_out)

    def _text(self, name: str) -> Text:
        id = self._corpora[name].id
        if id not in self._texts:
            self._texts[id] = Text(*self._store.corpora.named_text(id))
        return self._texts[id]
