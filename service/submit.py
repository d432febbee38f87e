"""From a job spec to queued runs: everything is checked before anything is written."""

from collections.abc import Callable

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import JobSpec, Limits, RunSpec
from gatelab.store import Job, Store
from gatelab.sweeps import expand, in_grid
from gatelab.text.tokenizers import count_tokens
from gatelab.text.windows import check_length


def submit(store: Store, limits: Limits, spec: JobSpec) -> Job:
    """Queue all runs of `spec`, or none.

    Raises:
        InvalidSpec: naming every path that is wrong, of whichever run.
        NotFound: no such corpus.
    """
    runs = expand(spec, limits.runs_per_job)
    _check_each(spec, runs, limits.check)
    corpus = store.corpora.get(spec.corpus)
    text = store.corpora.text(corpus.id)
    tokens = {tokenizer: count_tokens(tokenizer, text) for tokenizer in {run.tokenizer for run in runs}}
    _check_each(spec, runs, lambda run: check_length(run, tokens[run.tokenizer]))
    return store.jobs.create(spec, corpus.id, runs)


def _check_each(spec: JobSpec, runs: list[RunSpec], check: Callable[[RunSpec], None]) -> None:
    """Every fault that `check` finds in any of the runs, at once."""
    faults: dict[Problem, None] = {}
    for run in runs:
        try:
            check(run)
        except InvalidSpec as error:
            faults |= dict.fromkeys(in_grid(error.problems, spec.grid))
    if faults:
        raise InvalidSpec(faults)
