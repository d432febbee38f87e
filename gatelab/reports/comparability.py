"""Whether numbers of different runs measure the same thing, and warnings if they do not."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from gatelab.reports.cautions import few_words, too_few, uniform_loss, worse_than_guessing
from gatelab.reports.records import NamedCorpus, RunRecord
from gatelab.specs.model import BpeTokenizerSpec, CharTokenizerSpec, UnigramTokenizerSpec, WordsTokenizerSpec

NAMED = 5
"""The most runs that a warning names."""


def warnings(runs: Sequence[RunRecord]) -> list[str]:
    """Warnings about everything that makes these runs hard to compare, or their numbers doubtful, as sentences."""
    checks = (
        *(_repeats, _corpora, _tokenizers, _unknown_words, _preprocessing, _splits, _windows, _devices),
        *(_validation_guesses, _test_guesses, _few_validation_tokens, _few_test_tokens),
    )
    return [warning for check in checks if (warning := check(runs))]


def text_scored(run: RunRecord) -> tuple[Hashable, ...]:
    """A value that is equal for runs that are scored on the same characters of the same text."""
    train, validation, _ = run.text_sha256s
    if validation is None:
        return train, _prepared(run), _split(run)
    # A separate text is read whole, however the training text is cut.
    return validation, _prepared(run), None


def same_tokens(runs: Iterable[RunRecord]) -> bool:
    """Whether a loss per token is of the same tokens in all runs."""
    return len({run.spec.tokenizer for run in runs}) <= 1


def _repeats(runs: Sequence[RunRecord]) -> str | None:
    distinct = {(run.text_sha256s, run.resolved.model_copy(update={"corpus": "-"})) for run in runs}
    if len(distinct) == len(runs):
        return None
    return (
        f"{len(runs) - len(distinct)} of these runs repeat another run with the same spec and seed, so they have the"
        " same result. Each seed counts once in means, intervals and tests."
    )


def _corpora(runs: Sequence[RunRecord]) -> str | None:
    if len({_validated_on(run).sha256 for run in runs}) == 1:
        return None
    named = _distinct(runs, lambda run: "{0.name} ({0.sha256:.12})".format(_validated_on(run)))
    read = "validated" if any(run.held_out[0] for run in runs) else "trained"
    return (
        f"The runs were {read} on different texts: {named}. These are different tasks, and no number here compares"
        " them: bits per character say only how predictable each text is for its model."
    )


def _validated_on(run: RunRecord) -> NamedCorpus:
    return run.held_out[0] or run.corpora[0]


def _tokenizers(runs: Sequence[RunRecord]) -> str | None:
    if same_tokens(runs) or len({_tokens(run) for run in runs}) == 1:
        return None
    named = _distinct(runs, _tokens)
    return (
        f"The runs read different tokens ({named}). Perplexity is per token, so theirs are not comparable; bits per"
        " character is the only common measure. Each run splits the text by its own tokens, so if characters have"
        " several bytes, the parts begin at slightly different characters."
    )


def _preprocessing(runs: Sequence[RunRecord]) -> str | None:
    if len({_prepared(run) for run in runs}) == 1:
        return None
    named = _distinct(runs, lambda run: " + ".join(_prepared(run)) or "none")
    return (
        f"The text was prepared in different ways (normalize: {named}). Perplexities are not comparable. Bits per"
        " character is the only common measure, and even that is measured on different texts: a text with fewer kinds"
        " of characters is easier to predict."
    )


def _splits(runs: Sequence[RunRecord]) -> str | None:
    if len({text_scored(run)[-1] for run in runs}) == 1:
        return None
    named = _distinct(runs, _split_in_words)
    return (
        f"The runs were validated on different parts of the text ({named}), so their perplexities and bits per"
        " character are measured on different characters."
    )


def _windows(runs: Sequence[RunRecord]) -> str | None:
    # With a carried state the windows only bound the memory.
    ways = {0 if run.spec.training.carry_state else run.spec.training.num_steps for run in runs}
    if len(ways) == 1:
        return None
    named = ", ".join(f"num_steps {steps}" if steps else "carried" for steps in sorted(ways))
    return (
        f"Held-out text was read in different windows ({named}). A window begins from a zero state unless the"
        " state is carried, so longer windows give more context: part of any difference comes from how the text was"
        " read, not from how the model was trained."
    )


def _devices(runs: Sequence[RunRecord]) -> str | None:
    devices = {run.device for run in runs if run.device}
    if len(devices) <= 1:
        return None
    return (
        f"The runs were trained on different devices ({', '.join(sorted(devices))}): their seconds cannot be compared."
    )


def _validation_guesses(runs: Sequence[RunRecord]) -> str | None:
    return _guesses("validation", [(run, run.last.validation_loss) for run in runs if run.last])


def _test_guesses(runs: Sequence[RunRecord]) -> str | None:
    return _guesses("test", [(run, run.last.test_loss) for run in runs if run.last])


def _guesses(part: str, measured: Sequence[tuple[RunRecord, float | None]]) -> str | None:
    worse = [(loss, run) for run, loss in measured if loss is not None and worse_than_guessing(loss, run.vocabulary)]
    if not worse:
        return None
    loss, run = max(worse, key=lambda pair: pair[0])
    guess = f"a uniform guess over {run.vocabulary} tokens has {uniform_loss(run.vocabulary or 1):.2f}"
    named = ", ".join(run.id for _, run in worse[:NAMED]) + (", …" if len(worse) > NAMED else "")
    return (
        f"{len(worse)} of {len(measured)} runs predict worse than no model at all ({named}): their {part} loss is above"
        f" that of a uniform guess. The highest is {loss:.2f} nats, where {guess}."
    )


def _few_validation_tokens(runs: Sequence[RunRecord]) -> str | None:
    return _few("validation", [run.validation_tokens for run in runs if run.last])


def _few_test_tokens(runs: Sequence[RunRecord]) -> str | None:
    return _few("test", [run.test_tokens for run in runs if run.last and run.last.test_loss is not None])


def _few(part: str, tokens: Iterable[int | None]) -> str | None:
    few = sorted({count for count in tokens if count is not None and too_few(count)})
    return few_words(part, " or ".join(map(str, few[:NAMED]))) if few else None


def _tokens(run: RunRecord) -> str:
    """The tokenizer, without its preparation of the text."""
    tokenizer = run.spec.tokenizer
    match tokenizer:
        case BpeTokenizerSpec() | UnigramTokenizerSpec():
            return f"{tokenizer.kind} {tokenizer.size}"
        case WordsTokenizerSpec():
            return f"words {tokenizer.most}, at least {tokenizer.at_least} times"
    return tokenizer.kind


def _unknown_words(runs: Sequence[RunRecord]) -> str | None:
    if not any(isinstance(run.spec.tokenizer, WordsTokenizerSpec) for run in runs):
        return None
    return (
        "All words outside the vocabulary are read as one unknown token. Its loss counts, but its characters do not."
        " Perplexity depends on the number of such words, and bits per character mean little next to those of other"
        " tokenizers."
    )


def _prepared(run: RunRecord) -> tuple[str, ...]:
    """The preparation of the text before it was tokenized."""
    tokenizer = run.spec.tokenizer
    normalize = tokenizer.normalize if isinstance(tokenizer, CharTokenizerSpec) else "none"
    return tuple(tokenizer.clean) + ((normalize,) if normalize != "none" else ())


def _split(run: RunRecord) -> Hashable:
    training = run.spec.training
    windows = training.windows
    if windows.counts is None:
        held_out = run.held_out[0] is not None, run.held_out[1] is not None
        return run.resolved.training.windows.split, windows.gap, held_out if any(held_out) else None
    return windows.counts, windows.stride or training.num_steps


def _split_in_words(run: RunRecord) -> str:
    counts = run.spec.training.windows.counts
    if counts is None:
        return _shares_in_words(run)
    stride = run.spec.training.windows.stride or run.spec.training.num_steps
    return f"{' + '.join(map(str, counts))} windows at stride {stride}"


def _shares_in_words(run: RunRecord) -> str:
    windows = run.spec.training.windows
    split = "80/10/10" if windows.split is None else "/".join(f"{100 * share:g}" for share in windows.split)
    gap = f" with a gap of {windows.gap} tokens" if windows.gap else ""
    own = " and ".join(part for part, text in zip(("validation", "test"), run.held_out, strict=True) if text)
    return f"{split} of the whole text{gap}{f', {own} of another text' if own else ''}"


def _distinct(runs: Sequence[RunRecord], words: Callable[[RunRecord], str]) -> str:
    return ", ".join(sorted({words(run) for run in runs}))
