"""Whether numbers of different runs measure the same thing, and what to say where they do not."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from gatelab.reports.records import RunRecord
from gatelab.specs.model import CharTokenizerSpec


def warnings(runs: Sequence[RunRecord]) -> list[str]:
    """Everything that keeps these runs from being compared, in sentences."""
    checks = (_repeats, _corpora, _tokenizers, _preprocessing, _splits, _windows, _devices)
    return [warning for check in checks if (warning := check(runs))]


def text_scored(run: RunRecord) -> Hashable:
    """Equal for runs that are scored on the same characters of the same text."""
    return run.corpus_sha256, _normalize(run), _split(run)


def same_tokens(runs: Iterable[RunRecord]) -> bool:
    """Whether a loss per token is of the same tokens in all runs."""
    return len({run.spec.tokenizer for run in runs}) <= 1


def _repeats(runs: Sequence[RunRecord]) -> str | None:
    distinct = {(run.corpus_sha256, run.resolved.model_copy(update={"corpus": "-"})) for run in runs}
    if len(distinct) == len(runs):
        return None
    return (
        f"{len(runs) - len(distinct)} of these runs repeat another one of the same spec and seed, whose result is the"
        " same. Each seed counts once in means, intervals and tests."
    )


def _corpora(runs: Sequence[RunRecord]) -> str | None:
    if len({run.corpus_sha256 for run in runs}) == 1:
        return None
    named = _distinct(runs, lambda run: f"{run.corpus} ({run.corpus_sha256[:12]})")
    return (
        f"The runs were trained on different texts: {named}. These are different tasks. No number here compares them;"
        " bits per character say only how predictable each text is to its model."
    )


def _tokenizers(runs: Sequence[RunRecord]) -> str | None:
    if len({run.spec.tokenizer.kind for run in runs}) == 1:
        return None
    named = _distinct(runs, lambda run: run.spec.tokenizer.kind)
    return (
        f"The runs read different tokens ({named}). Perplexity is per token, so theirs are not comparable; bits per"
        " character is the only common measure. Each splits the text by its own tokens, which moves the borders of"
        " the parts a little where characters have several bytes."
    )


def _preprocessing(runs: Sequence[RunRecord]) -> str | None:
    if len({_normalize(run) for run in runs}) == 1:
        return None
    named = _distinct(runs, _normalize)
    return (
        f"The text was prepared in different ways (normalize: {named}). Perplexities are not comparable. Bits per"
        " character is the only common measure, and even that is of different texts: one with fewer kinds of"
        " characters is easier."
    )


def _splits(runs: Sequence[RunRecord]) -> str | None:
    if len({_split(run) for run in runs}) == 1:
        return None
    named = _distinct(runs, _split_in_words)
    return (
        f"The runs were validated on different parts of the text ({named}): their perplexities and bits per character"
        " are of different characters."
    )


def _windows(runs: Sequence[RunRecord]) -> str | None:
    # With a carried state the windows only bound the memory.
    ways = {0 if run.spec.training.carry_state else run.spec.training.num_steps for run in runs}
    if len(ways) == 1:
        return None
    named = ", ".join(f"num_steps {steps}" if steps else "carried" for steps in sorted(ways))
    return (
        f"Held-out text was read in different windows ({named}). A window begins from a zero state unless the"
        " state is carried, so longer windows give more context: a part of any difference is how the model was read,"
        " not how it was trained."
    )


def _devices(runs: Sequence[RunRecord]) -> str | None:
    devices = {run.device for run in runs if run.device}
    if len(devices) <= 1:
        return None
    return f"The runs were trained on different devices ({', '.join(sorted(devices))}): their seconds do not compare."


def _normalize(run: RunRecord) -> str:
    tokenizer = run.spec.tokenizer
    return tokenizer.normalize if isinstance(tokenizer, CharTokenizerSpec) else "none"


def _split(run: RunRecord) -> Hashable:
    training = run.spec.training
    counts = training.windows.counts
    return None if counts is None else (counts, training.windows.stride or training.num_steps)


def _split_in_words(run: RunRecord) -> str:
    counts = run.spec.training.windows.counts
    if counts is None:
        return "80/10/10 of the whole text"
    stride = run.spec.training.windows.stride or run.spec.training.num_steps
    return f"{' + '.join(map(str, counts))} windows at stride {stride}"


def _distinct(runs: Sequence[RunRecord], words: Callable[[RunRecord], str]) -> str:
    return ", ".join(sorted({words(run) for run in runs}))
