"""Which variants differ by more than their seeds explain."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from gatelab.reports.comparability import same_tokens, text_scored
from gatelab.reports.labels import counted
from gatelab.reports.records import RunRecord
from gatelab.reports.report import Comparison, Pair
from gatelab.reports.statistics import paired_tests
from gatelab.reports.variants import Group

MOST_VARIANTS = 30
"""With more variants, each is compared only with the best one: a table of all pairs would be too long to read."""

FEW_SEEDS = 5
"""Below this, the t-test leans on its assumption that differences are normally distributed."""

METHOD = (
    "Variants are compared seed by seed with Student's paired t-test (two-sided) on the {measure} of their last epoch"
    " (nats), over the seeds with which both succeeded. Intervals and p values are corrected for {comparisons}"
    " by Bonferroni's method: all intervals hold together with 95 % confidence, and a difference is called"
    " significant if its interval excludes 0, that is, if the adjusted p is below 0.05. The test uses the loss, the"
    " logarithm of perplexity, since differences of losses are closer to normally distributed."
)

Name = Literal["test loss", "validation loss", "test bits per character", "validation bits per character"]
FIELDS: Mapping[Name, str] = {
    "test loss": "test_loss",
    "validation loss": "validation_loss",
    "test bits per character": "test_bits_per_character",
    "validation bits per character": "bits_per_character",
}
"""The field of an evaluation that a measure is."""

Scores = dict[int, float]
"""Seed -> score."""


def method_of(measure: str, comparisons: int) -> str:
    """The method in words, for this measure and this number of comparisons."""
    return METHOD.format(measure=measure, comparisons=counted(comparisons, "comparison"))


def compare(groups: Sequence[Group], tuned: Sequence[str] = ()) -> Comparison:
    """All pairs of variants that have two seeds in common and are scored on the same text.

    `tuned` are the paths whose value was chosen for each variant by its validation loss.
    """
    measure = _measure([run for group in groups for run in group.succeeded])
    scores = [_scores(group, measure) for group in groups]
    wanted = _wanted(groups, scores)
    testable = _testable(groups, scores, wanted.pairs)
    # Finding the best variant compares all of them, so the correction is for all pairs.
    comparisons = math.comb(len(groups), 2) if wanted.best_alone else sum(map(len, testable.values()))
    pairs = _tested(testable, scores, comparisons)
    notes = [wanted.note] if wanted.note else []
    if pairs:
        notes += _notes(groups, pairs, measure, tuned)
    elif not notes and len(groups) > 1:
        notes = ["No two variants that are scored on the same text have two seeds in common that succeeded with both."]
    method = method_of(measure, comparisons)
    return Comparison(measure=measure, pairs=pairs, method=method, note=" ".join(notes) or None)


def _measure(runs: Sequence[RunRecord]) -> Name:
    """The test part if all runs have one, since the settings may have been chosen on the validation part."""
    tested = bool(runs) and all(run.last and run.last.test_loss is not None for run in runs)
    if same_tokens(runs):
        return "test loss" if tested else "validation loss"
    return "test bits per character" if tested else "validation bits per character"


def _scores(group: Group, measure: Name) -> Scores:
    """The final score of each run of the variant."""
    field = FIELDS[measure]
    scored = ((run.seed, None if run.last is None else getattr(run.last, field)) for run in group.succeeded)
    return {seed: score for seed, score in scored if score is not None}


@dataclass(frozen=True)
class _Wanted:
    """The pairs to test, and a note if they are not all; with `best_alone`, only those with the best variant are."""

    pairs: Sequence[tuple[int, int]]
    note: str | None = None
    best_alone: bool = False


def _wanted(groups: Sequence[Group], scores: Sequence[Scores]) -> _Wanted:
    if all(len(each) < 2 for each in scores):
        return _Wanted([], "With one run per variant, a difference cannot be told from chance: use repeats.")
    if len(groups) <= MOST_VARIANTS:
        return _Wanted(list(combinations(range(len(groups)), 2)))
    best = min((i for i, each in enumerate(scores) if each), key=lambda i: float(np.mean(list(scores[i].values()))))
    note = f"Each of the {len(groups)} variants is compared only with the one that has the lowest mean."
    return _Wanted([(best, other) for other in range(len(groups)) if other != best], note, best_alone=True)


def _testable(
    groups: Sequence[Group], scores: Sequence[Scores], pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """Seeds (at least two) -> the pairs that have these seeds in common and are scored on the same text."""
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    texts = [text_scored(group.runs[0]) for group in groups]
    for first, second in pairs:
        seeds = tuple(sorted(scores[first].keys() & scores[second].keys()))
        if len(seeds) >= 2 and texts[first] == texts[second]:
            found.setdefault(seeds, []).append((first, second))
    return found


def _tested(
    testable: Mapping[tuple[int, ...], Sequence[tuple[int, int]]], scores: Sequence[Scores], comparisons: int
) -> list[Pair]:
    """The pairs in order, corrected for this number of comparisons."""
    found: list[Pair] = []
    for seeds, pairs in testable.items():
        differences = np.array([[scores[a][seed] - scores[b][seed] for seed in seeds] for a, b in pairs])
        means, tests = differences.mean(axis=1).tolist(), paired_tests(differences, comparisons)
        rows = zip(pairs, means, *(column.tolist() for column in tests), strict=True)
        found += [_pair(pair, len(seeds), *row) for pair, *row in rows]
    return sorted(found, key=lambda pair: (pair.first, pair.second))


def _notes(groups: Sequence[Group], pairs: Sequence[Pair], measure: Name, tuned: Sequence[str]) -> Iterator[str]:
    """Warnings about these pairs, of which there is at least one."""
    fewest = min(pair.seeds for pair in pairs)
    if fewest < FEW_SEEDS:
        yield (
            f"Some pairs have only {fewest} seeds in common. With fewer than {FEW_SEEDS}, intervals are wide and depend"
            " on the assumption that differences are normally distributed."
        )
    if tuned and measure.startswith("validation"):
        yield (
            f"{' and '.join(tuned)} was chosen by the same validation loss that is compared here, which favours"
            " variants with more values to choose from. A test part (windows.test, or the split of the whole text)"
            " makes the comparison fair."
        )
    if not tuned and (picked := _picked(groups)):
        yield picked


def _picked(groups: Sequence[Group]) -> str | None:
    """The warning that the runs are a part of larger jobs."""
    runs = [run for group in groups for run in group.runs]
    jobs = {run.job_id: run.job_runs for run in runs}
    in_jobs, here = sum(jobs.values()), len(runs)
    if in_jobs <= here:
        return None
    return (
        f"These {here} runs were picked out of the {in_jobs} runs of their jobs. The correction counts only the pairs"
        " that are shown here. If the runs were picked for their results, only the report of the whole job corrects for"
        " the choice."
    )


def _pair(variants: tuple[int, int], seeds: int, mean: float, half_width: float, p: float, p_adjusted: float) -> Pair:
    return Pair(
        first=variants[0],
        second=variants[1],
        seeds=seeds,
        difference=mean,
        low=mean - half_width,
        high=mean + half_width,
        p=p,
        p_adjusted=p_adjusted,
        significant=abs(mean) > half_width,
    )
