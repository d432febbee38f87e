"""From a job spec to queued runs: everything is checked before anything is written."""

import hashlib
import json
from collections.abc import Callable

from gatelab.errors import InvalidSpec, Problem
from gatelab.specs import JobSpec, Limits, RunSpec
from gatelab.store import IdempotencyKey, Job, Store
from gatelab.sweeps import expand, in_grid
from gatelab.text.tokenizers import count_tokens
from gatelab.text.windows import check_length

ANYBODY = "anybody"
"""The caller of every request: the service does not tell its callers apart."""


def submit(store: Store, limits: Limits, spec: JobSpec, key: str | None = None) -> Job:
    """Queue all runs of `spec`, or none. Sent again with the same idempotency key, it is the same job.

    Raises:
        IdempotencyKeyReused: the key was used for another spec.
        InvalidSpec: naming every path that is wrong, of whichever run.
        NotFound: no such corpus.
    """
    idempotency = None
    if key is not None:
        idempotency = IdempotencyKey(ANYBODY, key, _digest(spec))
        if earlier := store.jobs.made_by(idempotency):
            return earlier
    runs = expand(spec, limits.runs_per_job)
    _check_each(spec, runs, limits.check)
    corpus = store.corpora.get(spec.corpus)
    text = store.corpora.text(corpus.id)
    tokens = {tokenizer: count_tokens(tokenizer, text) for tokenizer in {run.tokenizer for run in runs}}
    _check_each(spec, runs, lambda run: check_length(run, tokens[run.tokenizer]))
    return store.jobs.create(spec, corpus.id, runs, idempotency)


def _digest(spec: JobSpec) -> str:
    """Of what the spec means: the order of its fields and defaults that are spelled out make no difference."""
    return hashlib.sha256(json.dumps(spec.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


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
