"""The queue: chooses and claims the next runs."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, func, select, true, update

from gatelab.specs import RunSpec
from gatelab.store import checkpoints
from gatelab.store.clock import now
from gatelab.store.states import State
from gatelab.store.tables import metrics, runs, samples
from gatelab.store.transitions import move


@dataclass(frozen=True)
class Claim:
    """A run that a worker owns until its lease runs out. `step` and `epoch` are those of its latest checkpoint.

    The corpora for validation and test are None if these are parts of the training corpus.

    `crash_count` is the number of times that a worker died on it since its last progress.
    """

    run_id: str
    job_id: str
    owner: str
    token: int
    spec: RunSpec
    corpus_id: str
    step: int
    epoch: int
    total_steps: int | None
    attempt: int
    crash_count: int
    validation_corpus_id: str | None = None
    test_corpus_id: str | None = None


def take_fairly(connection: Connection, owner: str, *, lease: float) -> list[Claim]:
    """Claim the run that has been queued for longest of the account whose turn it is, as `take` does.

    It is the turn of the account with the fewest running runs, and among several of the one that was served longest
    ago, so that an account with ten thousand runs does not delay an account with one.
    """
    for account in connection.scalars(_turns()).all():
        if claims := take(connection, owner, runs.c.account == account, limit=1, lease=lease):
            return claims
    return []


def _turns() -> Select[str]:
    """The accounts that have queued runs, in the order of their turns. This locks nothing and waits for nobody."""
    waiting = select(runs.c.account).where(runs.c.state == State.QUEUED).distinct().cte()
    of_account = runs.c.account == waiting.c.account
    running = select(func.count()).select_from(runs).where(of_account, runs.c.state == State.RUNNING)
    served = select(func.coalesce(func.max(runs.c.claimed_at), 0.0)).where(of_account)
    order = (running.scalar_subquery(), served.scalar_subquery(), waiting.c.account)
    return select(waiting.c.account).order_by(*order)


def take(connection: Connection, owner: str, which: ColumnElement[bool], *, limit: int, lease: float) -> list[Claim]:
    """Claim those runs selected by `which` that have been queued for longest, and reset each to its latest checkpoint.

    Args:
        lease: seconds from now.
    """
    claimed = move(
        connection,
        runs.c.id.in_(_longest_queued(which, limit)),
        State.RUNNING,
        values={
            "owner": owner,
            "lease_until": now() + lease,
            "token": runs.c.token + 1,
            "attempt": runs.c.attempt + 1,
            "claimed_at": now(),
            "started_at": func.coalesce(runs.c.started_at, now()),
        },
    )
    by_age = sorted(claimed, key=lambda run: (run["queued_at"], run["id"]))
    return [_claim(run, *rewind(connection, run["id"])) for run in by_age]


def rewind(connection: Connection, run_id: str) -> tuple[int, int]:
    """Reset a run to its latest checkpoint, or to its start. Returns that step and epoch.

    Later rows are deleted, since they would collide with those of the repeated steps.
    """
    found = checkpoints.latest(connection, run_id)
    step, epoch = found or (0, 0)
    for table in (metrics, samples):
        later = table.c.step > step if found else true()
        connection.execute(delete(table).where(table.c.run_id == run_id, later))
    connection.execute(update(runs).where(runs.c.id == run_id).values(step=step, epoch=epoch))
    return step, epoch


def _longest_queued(which: ColumnElement[bool], limit: int) -> Select[str]:
    """The ids of the runs to be claimed next, skipping those that others are about to claim."""
    oldest = (
        select(runs.c.id)
        .where(runs.c.state == State.QUEUED, which)
        .order_by(runs.c.queued_at, runs.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte()  # PostgreSQL may run a subquery once for each run and lock more rows every time; it runs a CTE once
    )
    return select(oldest.c.id)


def _claim(run: RowMapping, step: int, epoch: int) -> Claim:
    return Claim(
        run_id=run["id"],
        job_id=run["job_id"],
        owner=run["owner"],
        token=run["token"],
        spec=RunSpec.model_validate(run["spec"]),
        corpus_id=run["corpus_id"],
        step=step,
        epoch=epoch,
        total_steps=run["total_steps"],
        attempt=run["attempt"],
        crash_count=run["crash_count"],
        validation_corpus_id=run["validation_corpus_id"],
        test_corpus_id=run["test_corpus_id"],
    )
