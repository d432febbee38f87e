"""From a job spec to queued runs: everything is checked before anything is written."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gatelab.costs import (
    Expected,
    Work,
    predict,
    speed_class,
    step_flops,
    work,
)
from gatelab.errors import InvalidSpec, Problem, TooLarge
from gatelab.machine import memory_bytes
from gatelab.specs import JobSpec, Limits, RunSpec
from gatelab.specs.engine_support import check_engine, lacking
from gatelab.specs.resolved import with_ids
from gatelab.store import Corpus, IdempotencyKey, Job, Store
from gatelab.store.origins import Pin
from gatelab.sweeps import in_grid, numbered
from gatelab.text.prefixes import check_prefix
from gatelab.text.token_counts import Extent
from gatelab.text.windows import check_length
from service.computations import still_wanted
from service.jobs.text_sizes import TextSizes
from service.jobs.warm_starts import WarmStarts


@dataclass(frozen=True)
class Plan:
    """A checked job before it is queued.

    Attributes:
        corpora: the corpora, by the name or id that the runs use.
        runs: by their indexes.
        origins: the checkpoints of other runs from which they start.
        expected: the costs of each of `runs`.
        device: the device for which the seconds are predicted; `calibrated_from` is the number of past runs. They are
            None and 0 if no run with a known cost has succeeded yet, and then the seconds are None.
    """

    corpora: Mapping[str, Corpus]
    runs: Mapping[int, RunSpec]
    origins: Sequence[Pin]
    expected: Sequence[Expected]
    device: str | None
    calibrated_from: int

    @property
    def corpus_ids(self) -> dict[str, str]:
        """The ids of the corpora, by the name or id that the runs use."""
        return {name: corpus.id for name, corpus in self.corpora.items()}


def plan(store: Store, limits: Limits, spec: JobSpec, account: str, engine: str = "auto") -> Plan:
    """All runs of `spec`, checked, with what they will cost. Nothing is written.

    Args:
        engine: the setting, which may name one that cannot train every model.

    Raises:
        InvalidSpec: naming every wrong path of any run.
        NotFound: the account has no such corpus.
        TooLarge: the runs together are more than a job may cost or an account may store, or one needs more memory than
            there is.
    """
    indexed = numbered(spec, limits.runs_per_job)
    _check_each(spec, list(indexed.values()), limits.check)
    _check_each(spec, list(indexed.values()), lambda run: check_engine(engine, run.model))
    named = dict.fromkeys(name for each in (spec, *indexed.values()) for name in each.texts.names)
    corpora = {name: store.corpora.get(name, account) for name in named}
    starts = WarmStarts(store, account)
    _check_each(spec, list(indexed.values()), starts.resolved)
    indexed = _distinct({index: starts.resolved(run) for index, run in indexed.items()}, corpora)
    runs = list(indexed.values())
    measured = TextSizes(store, corpora)

    def extent(run: RunSpec) -> Extent:
        return starts.extent(run, measured[run])

    _check_each(spec, runs, lambda run: check_length(run, extent(run)))
    _check_each(spec, runs, lambda run: check_prefix(run, extent(run).alphabet))
    works = [work(run, extent(run)) for run in runs]
    if (flops := sum(each.flops for each in works)) > limits.job_flops:
        message = f"the job takes {flops:.2g} floating-point operations; the limit job_flops is {limits.job_flops:.2g}"
        raise TooLarge(message)
    _check_each(spec, runs, lambda run: _check_step(run, extent(run), limits.step_flops))
    _check_memory(works, limits.run_memory_bytes or memory_bytes())
    stored = sum(each.stored_bytes for each in works) + sum(len(pin.data) for pin in starts.pins)
    check_room(store, limits, account, stored, "the job may leave")
    seconds, device, past = _predicted(store, runs, works)
    expected = [Expected(each, seconds[index] if seconds else None) for index, each in enumerate(works)]
    return Plan(corpora, indexed, starts.pins, expected, device, past)


def _predicted(
    store: Store, runs: Sequence[RunSpec], works: Sequence[Work]
) -> tuple[list[float] | None, str | None, int]:
    """Seconds of each run, the device, and the number of past runs behind the prediction.

    Runs with fields for which the native engine has no code are predicted from past runs of that kind, if there are
    any.
    """
    cells = [speed_class(cell.kind, getattr(cell, "name", None)) for cell in (run.model.cell for run in runs)]
    wanted = list(zip(cells, works, strict=True))
    history = store.results.history()
    special = [index for index, run in enumerate(runs) if lacking("native", run.model)]
    like = store.results.history(around=True) if special or not history.runs else None
    if like is None or not like.runs:
        return predict(wanted, history.runs), history.device, len(history.runs)
    seconds = predict(wanted, history.runs or like.runs)
    others = predict([wanted[index] for index in special], like.runs)
    if seconds is not None and others is not None:
        for index, found in zip(special, others, strict=True):
            seconds[index] = found
    return seconds, history.device or like.device, len(history.runs) + len(like.runs)


def submit(
    store: Store, limits: Limits, spec: JobSpec, account: str, key: str | None = None, engine: str = "auto"
) -> Job:
    """Queue all runs of `spec`, or none. A repeated request with the same idempotency key gets the same job.

    Raises:
        IdempotencyKeyReused: the key was used for another spec.
        Overloaded: the account has too many unfinished runs.
        InvalidSpec, NotFound, TooLarge: as `plan`.
    """
    idempotency = None
    if key is not None:
        idempotency = IdempotencyKey(account, key, _digest(spec))
        if earlier := store.jobs.made_by(idempotency):
            return earlier
    planned = plan(store, limits, spec, account, engine)
    return store.jobs.create(
        spec,
        planned.corpus_ids[spec.texts.train],
        planned.runs,
        idempotency,
        planned.expected,
        account=account,
        most_unfinished=limits.queued_runs,
        corpora=planned.corpus_ids,
        origins=planned.origins,
    )


def _distinct(runs: Mapping[int, RunSpec], corpora: Mapping[str, Corpus]) -> dict[int, RunSpec]:
    """Each run once, since a grid may name one corpus both by its name and by its id."""
    ids = {name: corpus.id for name, corpus in corpora.items()}
    found: dict[RunSpec, tuple[int, RunSpec]] = {}
    for index, run in runs.items():
        found.setdefault(with_ids(run, ids), (index, run))
    return dict(found.values())


def _check_step(run: RunSpec, extent: Extent, most: int) -> None:
    """
    Raises:
        InvalidSpec: a single step takes too long for a user who cancels the run.
    """
    if (flops := step_flops(run, extent)) > most:
        message = (
            f"a step of {run.training.batch_size} windows of {run.training.num_steps} tokens takes {flops:.2g}"
            f" floating-point operations; the limit step_flops is {most:.2g}"
        )
        raise InvalidSpec.at("training.batch_size", message)


def _check_memory(works: Sequence[Work], most: int) -> None:
    """
    Raises:
        TooLarge: a run needs more memory than it may, by the estimate that a dry run answers.
    """
    needed = max(each.memory_bytes for each in works)
    if needed > most:
        raise TooLarge(
            f"a run of this job needs about {needed / 2**30:.3g} GiB of memory; the limit run_memory_bytes is"
            f" {most / 2**30:.3g} GiB: take a smaller batch_size, num_steps or model"
        )


def check_room(store: Store, limits: Limits, account: str, more: int, what: str) -> None:
    """
    Raises:
        TooLarge: with this many bytes more, the account would take more room than it may.
    """
    taken = store.accounts.stored_bytes(account)
    if taken + more > limits.account_bytes:
        raise TooLarge(
            f"{what} {_mebibytes(more)}, and the account's corpora and runs may already take {_mebibytes(taken)}; the"
            f" limit account_bytes is {_mebibytes(limits.account_bytes)}: delete jobs or corpora, or keep less"
        )


def _mebibytes(number: int) -> str:
    return f"{number / 2**20:.4g} MiB"


def _digest(spec: JobSpec) -> str:
    """A digest of the spec's meaning: the order of fields and explicit defaults make no difference."""
    return hashlib.sha256(json.dumps(spec.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def _check_each(spec: JobSpec, runs: list[RunSpec], check: Callable[[RunSpec], object]) -> None:
    """Every fault that `check` finds in any of the runs, at once. Other computations may have their turn in between."""
    faults: dict[Problem, None] = {}
    for run in runs:
        still_wanted()
        try:
            check(run)
        except InvalidSpec as error:
            faults |= dict.fromkeys(in_grid(error.problems, spec.grid))
    if faults:
        raise InvalidSpec(faults)
