"""A tokenizer that continues on another corpus: old ids keep their meaning, new characters get new ids after them."""

from dataclasses import replace

from gatelab.text.cleaning import cleaned
from gatelab.text.corpus import Corpus
from gatelab.text.token_counts import Extent
from gatelab.text.tokenizers import SPECIALS, CharTokenizer, Tokenizer, normalized


def grown(tokenizer: Tokenizer, *texts: Corpus) -> Tokenizer:
    """`tokenizer` with the characters of `texts` that it lacks; the same object if it knows or needs none."""
    if not isinstance(tokenizer, CharTokenizer):
        return tokenizer
    found = set[str]().union(*(normalized(cleaned(t.text, tokenizer.clean), tokenizer.normalize) for t in texts))
    new = sorted(found - set(tokenizer.characters))
    return replace(tokenizer, characters=tokenizer.characters + "".join(new)) if new else tokenizer


def grown_extent(tokenizer: Tokenizer, extent: Extent) -> Extent:
    """The extent, with the grown vocabulary, of texts that have this extent by themselves."""
    if tokenizer.alphabet is None or extent.alphabet is None:
        return extent
    alphabet = "".join(sorted(set(tokenizer.alphabet) | set(extent.alphabet)))
    return replace(extent, vocabulary=SPECIALS + len(alphabet), alphabet=alphabet)
