"""The parts of texts for training, validation and test."""

from dataclasses import dataclass
from fractions import Fraction

from gatelab.errors import InvalidSpec
from gatelab.specs.job import RunSpec
from gatelab.specs.model import BpeTokenizerSpec, UnigramTokenizerSpec, WordsTokenizerSpec
from gatelab.specs.training import USUAL_SPLIT, WindowsSpec
from gatelab.text.corpus import Corpus

LEARNED = BpeTokenizerSpec, UnigramTokenizerSpec, WordsTokenizerSpec
"""Tokenizers that are learned from the training part, which must be cut off before there are tokens."""


@dataclass(frozen=True)
class Texts:
    """The corpora of a run. A part without its own corpus is cut from `train`."""

    train: Corpus
    validation: Corpus | None = None
    test: Corpus | None = None

    @property
    def held_out(self) -> list[Corpus]:
        """The texts other than the training text."""
        return [corpus for corpus in (self.validation, self.test) if corpus is not None]


@dataclass(frozen=True)
class Lengths:
    """Tokens of each part, without those that a gap leaves out. `test` is None if there is no such part."""

    train: int
    validation: int
    test: int | None


def cuts(spec: RunSpec, length: int) -> tuple[slice, slice, slice]:
    """The places of the parts in the training text, in characters or tokens, before gaps are left out."""
    train, validation, test = shares(spec)
    first, second = int(train * length), int((train + validation) * length)
    return slice(0, first), slice(first, second), slice(second, int((train + validation + test) * length))


def shares(spec: RunSpec) -> tuple[Fraction, Fraction, Fraction]:
    """The share of each part in the training text. That of a part with its own text is used for training as well."""
    split = spec.training.windows.split
    # The decimal that was written, not its binary rounding: 0.8 of ten tokens are eight.
    train, validation, test = (Fraction(str(share)) for share in split or USUAL_SPLIT)
    own = spec.texts
    if own.validation is not None:
        train, validation = train + validation, Fraction(0)
    if own.test is not None:
        train, test = train + test, Fraction(0)
    return train, validation, test


def lengths(spec: RunSpec, tokens: tuple[int, int, int], own: tuple[int | None, int | None] = (None, None)) -> Lengths:
    """
    Args:
        tokens: of each part of the training text.
        own: of the texts for validation and test.
    """
    gap, (validation, test) = spec.training.windows.gap, own
    if validation is None:
        validation = max(0, tokens[1] - gap)
    if test is None and shares(spec)[2]:
        test = max(0, tokens[2] - gap)
    return Lengths(tokens[0], validation, test)


def cut_lengths(spec: RunSpec, tokens: int, own: tuple[int | None, int | None] = (None, None)) -> Lengths:
    """`lengths` of a training text of `tokens` tokens that is cut by its tokens."""
    train, validation, test = (len(range(tokens)[cut]) for cut in cuts(spec, tokens))
    return lengths(spec, (train, validation, test), own)


def check_numbered(spec: RunSpec) -> None:
    """
    Raises:
        InvalidSpec: the spec numbers the windows of the whole text, which these texts or this tokenizer do not allow.
    """
    if spec.training.windows.counts is None:
        return
    if spec.texts.several:
        raise InvalidSpec.at(
            "training.windows",
            "train and validation count the windows of one text; leave them out if corpus names several texts",
        )
    if isinstance(spec.tokenizer, LEARNED):
        raise InvalidSpec.at(
            "training.windows",
            f"train and validation count windows of tokens, which {spec.tokenizer.kind} learns from the training part"
            " first; use windows.split, or the tokenizer char or byte",
        )


def check_lengths(spec: RunSpec, found: Lengths, tokens: int) -> None:
    """
    Args:
        tokens: of the whole training text.

    Raises:
        InvalidSpec: a part is shorter than a window of training, or a held-out part is empty.
    """
    steps, windows, own = spec.training.num_steps, spec.training.windows, spec.texts
    short = found.train < steps
    empty = [name for name, part in (("validation", found.validation), ("test", found.test)) if part == 0]
    if not short and not empty:
        return
    if windows.split is None and not windows.gap and not own.several:
        raise InvalidSpec.at(
            "training.num_steps",
            f"the corpus is too short: 80 % of its {tokens} tokens are for training, which is less than one window"
            f" of {steps} tokens, or leaves nothing for validation and test",
        )
    if short:
        raise InvalidSpec.at(
            "training.num_steps",
            f"is {steps}, but the training part has only {found.train} of the text's {tokens} tokens: less than a"
            " window",
        )
    raise InvalidSpec.at(
        _blamed(windows),
        f"nothing is left for {' and '.join(empty)}: training takes {found.train} of the training text's {tokens}"
        " tokens" + (f", and a gap of {windows.gap} is left out" if windows.gap else ""),
    )


def _blamed(windows: WindowsSpec) -> str:
    """The path of the field that leaves a part empty."""
    if windows.gap:
        return "training.windows.gap"
    return "training.windows.split" if windows.split else "corpus"
