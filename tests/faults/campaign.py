"""Dozens of faults while new runs keep arriving, and the results of those runs."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.faults.damage import Damage, of_job
from tests.faults.injections import Blow, Infliction
from tests.faults.installation import Installation
from tests.faults.observation import ObservedRun
from tests.faults.workload import batches

PAUSES = 0.2, 1.2
"""Seconds between two faults, at least and at most."""
AT_ONCE = 2
"""The most faults whose run has not recovered yet. With more, no worker would be left to recover them."""


@dataclass(frozen=True)
class Row:
    """The result of some faults: how many affected runs recovered, after how many seconds, and all damage."""

    fault: str
    database: str
    injected: int
    recoveries: Sequence[float]
    runs: int
    damage: Damage

    @property
    def harmless(self) -> bool:
        """Whether every affected run recovered, and nothing was damaged."""
        return not self.damage and len(self.recoveries) == self.injected


def go_through(faults: Sequence[Infliction], on: Installation, chance: random.Random, name: str) -> Row:
    """Inject these faults in order while new runs keep arriving, and wait until all runs have ended."""
    phase = Phase(on)
    for fault in faults:
        phase.feed()
        phase.suffer(fault(on, chance))
        phase.live_on(chance.uniform(*PAUSES))
    phase.end()
    return phase.row(name)


class Phase:
    """Follow the runs that are submitted from now on, until the end of the block."""

    def __init__(self, on: Installation) -> None:
        self._on, self._batches = on, batches()
        self._jobs_before, self._backwards_before = len(on.observer.jobs), on.observer.backwards
        self._open: list[Blow] = []
        self._recoveries: list[float] = []

    def feed(self) -> None:
        """Make sure that every worker has something to do, and that one run has not begun.

        Some faults take seconds during which nothing is observed, so runs may have ended since the last look.
        """
        self._on.observer.look()
        while not self._is_fed(self._on.observer.unfinished()):
            self._on.submit(next(self._batches))

    def _is_fed(self, unfinished: Sequence[ObservedRun]) -> bool:
        return len(unfinished) > self._on.size and any(run.step == 0 for run in unfinished)

    def suffer(self, blow: Blow) -> None:
        self._open.append(blow)

    def live_on(self, seconds: float) -> None:
        """Let this much time pass, and more if too many runs have not recovered yet."""
        ends = time.monotonic() + seconds
        self._on.wait_until(lambda: time.monotonic() > ends and self._is_well(), "most had recovered")

    def end(self) -> None:
        self._on.wait_until(self._is_over, "all runs had recovered and ended")

    def row(self, name: str) -> Row:
        on = self._on
        jobs = on.observer.jobs[self._jobs_before :]
        total = sum((of_job(on.store, job) for job in jobs), Damage())
        shown = on.observer.backwards - self._backwards_before
        return Row(
            fault=name,
            database="PostgreSQL" if on.postgres else "SQLite",
            injected=len(self._recoveries) + len(self._open),
            recoveries=self._recoveries,
            runs=sum(len(on.observer.of_job(job)) for job in jobs),
            damage=replace(total, backwards=total.backwards + shown),
        )

    def _is_well(self) -> bool:
        self._note_recoveries()
        return len(self._open) < AT_ONCE

    def _is_over(self) -> bool:
        self._note_recoveries()
        return not self._open and not self._on.observer.unfinished()

    def _note_recoveries(self) -> None:
        now, observed = time.monotonic(), self._on.observer.observed
        recovered = [blow for blow in self._open if blow.recovered(observed[blow.hit.id])]
        self._recoveries += [now - blow.at for blow in recovered]
        self._open = [blow for blow in self._open if blow not in recovered]
