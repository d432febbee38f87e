"""Which variants differ by more than their seeds explain."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from gatelab.reports.comparability import same_tokens, text_scored
from gatelab.reports.model import Comparison, Pair
from gatelab.reports.records import RunRecord
from gatelab.reports.statistics import CONFIDENCE, holm, paired_tests
from gatelab.reports.variants import Group

MOST_VARIANTS = 30
"""Of more variants, each is compared with the best alone: there would be too many pairs to tell anything apart."""

METHOD = (
    "Variants are compared seed by seed by Student's paired t-test (two-sided) on the {measure} of their last epoch"
    " (nats), over the seeds with which both succeeded. p values are adjusted for the number of pairs by Holm's method;"
    " a difference is called significant where the adjusted p is below 0.05. Loss, the logarithm of perplexity, is"
    " tested since its differences are closer to normally distributed."
)

Name = Literal["test loss", "validation loss", "test bits per character", "validation bits per character"]


def compare(groups: Sequence[Group]) -> Comparison:
    """All pairs of variants that have two seeds in common and are scored on the same text."""
    measure = _measure([run for group in groups for run in group.succeeded])
    scores = [_scores(group, measure) for group in groups]
    chosen, note = _chosen(groups, scores)
    found = _tested(groups, scores, chosen)
    if not found and note is None and len(groups) > 1:
        note = "No two variants that are scored on the same text have two seeds in common that succeeded with both."
    return Comparison(measure=measure, pairs=found, method=METHOD.format(measure=measure), note=note)


def _measure(runs: Sequence[RunRecord]) -> Name:
    """The test part decides where all have one, since the validation part may have chosen the settings."""
    tested = bool(runs) and all(run.last and run.last.test_loss is not None for run in runs)
    if same_tokens(runs):
        return "test loss" if tested else "validation loss"
    return "test bits per character" if tested else "validation bits per character"


def _scores(group: Group, measure: Name) -> dict[int, float]:
    """Seed -> what the run with it measured in the end."""
    field = measure.replace(" ", "_")
    scored = ((run.seed, getattr(run.last, field, None)) for run in group.succeeded)
    return {seed: score for seed, score in scored if score is not None}


def _chosen(groups: Sequence[Group], scores: Sequence[dict[int, float]]) -> tuple[list[tuple[int, int]], str | None]:
    """The pairs to test, and why they are not all."""
    if all(len(each) < 2 for each in scores):
        return [], "Differences between single runs cannot be told from chance: ask for repeats."
    if len(groups) <= MOST_VARIANTS:
        return list(combinations(range(len(groups)), 2)), None
    best = min((i for i, each in enumerate(scores) if each), key=lambda i: float(np.mean(list(scores[i].values()))))
    note = f"Of {len(groups)} variants, each is compared with the one of the lowest mean alone."
    return [(best, other) for other in range(len(groups)) if other != best], note


def _tested(
    groups: Sequence[Group], scores: Sequence[dict[int, float]], chosen: Sequence[tuple[int, int]]
) -> list[Pair]:
    by_seeds: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    texts = [text_scored(group.runs[0]) for group in groups]
    for first, second in chosen:
        seeds = tuple(sorted(scores[first].keys() & scores[second].keys()))
        if len(seeds) >= 2 and texts[first] == texts[second]:
            by_seeds.setdefault(seeds, []).append((first, second))
    pairs: list[tuple[int, int]] = []
    means, widths, ps, counts = [], [], [], []
    for seeds, some in by_seeds.items():
        differences = np.array([[scores[a][seed] - scores[b][seed] for seed in seeds] for a, b in some])
        width, p = paired_tests(differences)
        pairs += some
        means += differences.mean(axis=1).tolist()
        widths += width.tolist()
        ps += p.tolist()
        counts += [len(seeds)] * len(some)
    adjusted = holm(np.array(ps)).tolist()
    rows = zip(pairs, counts, means, widths, ps, adjusted, strict=True)
    return sorted((_pair(*row) for row in rows), key=lambda pair: (pair.first, pair.second))


def _pair(variants: tuple[int, int], seeds: int, mean: float, width: float, p: float, adjusted: float) -> Pair:
    return Pair(
        first=variants[0],
        second=variants[1],
        seeds=seeds,
        difference=mean,
        low=mean - width,
        high=mean + width,
        p=p,
        p_adjusted=adjusted,
        significant=adjusted < 1 - CONFIDENCE,
    )
