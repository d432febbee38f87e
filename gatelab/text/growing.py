"""A tokenizer that continues on another corpus: old ids keep their meaning, new characters get new ids behind them."""

from dataclasses import replace

from gatelab.text.tokenizers import SPECIALS, CharTokenizer, Extent, Tokenizer, normalized


def grown(tokenizer: Tokenizer, text: str) -> Tokenizer:
    """`tokenizer` with the characters of `text` that it does not know; itself where it knows all, or needs none."""
    if not isinstance(tokenizer, CharTokenizer):
        return tokenizer
    new = sorted(set(normalized(text, tokenizer.normalize)) - set(tokenizer.characters))
    return replace(tokenizer, characters=tokenizer.characters + "".join(new)) if new else tokenizer


def grown_extent(tokenizer: Tokenizer, extent: Extent) -> Extent:
    """What `grown` makes of a corpus that has this extent by itself."""
    if tokenizer.alphabet is None or extent.alphabet is None:
        return extent
    alphabet = "".join(sorted(set(tokenizer.alphabet) | set(extent.alphabet)))
    return replace(extent, vocabulary=SPECIALS + len(alphabet), alphabet=alphabet)
