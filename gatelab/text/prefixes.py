"""Whether a run's model can read the prefix of its samples."""

from gatelab.errors import InvalidSpec
from gatelab.specs.job import RunSpec
from gatelab.specs.model import CharTokenizerSpec
from gatelab.text.tokenizers import normalized

MOST_SHOWN = 100
"""Characters that are listed in a message."""


def check_prefix(spec: RunSpec, alphabet: str | None) -> None:
    """
    Args:
        alphabet: the characters of the vocabulary, as `Tokenizer.alphabet`.

    Raises:
        InvalidSpec: the prefix of the samples has others. If the corpus is normalized, the prefix is normalized first.
    """
    sample = spec.training.sample
    if sample is None or alphabet is None or not isinstance(spec.tokenizer, CharTokenizerSpec):
        return
    how = spec.tokenizer.normalize
    if not (unknown := sorted(set(normalized(sample.prefix, how)) - set(alphabet))):
        return
    read = "" if how == "none" else f" (read with normalize: {how})"
    raise InvalidSpec.at(
        "training.sample.prefix",
        f"has characters that the corpus does not have{read}: {_listed(unknown)};"
        f" allowed are the {len(alphabet)} of the corpus: {_listed(list(alphabet))}",
    )


def _listed(characters: list[str]) -> str:
    more = len(characters) - MOST_SHOWN
    return " ".join(map(repr, characters[:MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")
