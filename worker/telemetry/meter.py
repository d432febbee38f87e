"""The counts of a worker, cheap enough for every step."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import getpid
from time import monotonic

from worker.telemetry.shared_memory import SharedNumbers

MOST_CHILDREN = 64


@dataclass(frozen=True)
class Counted:
    """A number that goes up, or with `gauge` one that goes both ways."""

    name: str
    help: str
    gauge: bool = False


@dataclass(frozen=True)
class Timed:
    """A histogram of seconds with these upper bounds, and one more without."""

    name: str
    help: str
    bounds: tuple[float, ...]

    @property
    def buckets(self) -> list[str]:
        return [f"{self.name} {number}" for number in range(len(self.bounds) + 1)]

    @property
    def sum(self) -> str:
        return f"{self.name} sum"


STEPS = Counted("gatelab_train_steps", "Optimizer steps taken; a step of a pack counts once for each of its runs")
TOKENS = Counted("gatelab_train_tokens", "Training tokens read")
STEP_SECONDS = Timed(
    "gatelab_train_step_seconds",
    "Seconds of an optimizer step; runs that are trained together share its time equally",
    (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
)
RECORD_SECONDS = Timed(
    "gatelab_record_seconds",
    "Seconds to write a run's checkpoint, metrics and events, including the wait for the database",
    (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
)
CLAIMS = Counted("gatelab_claims", "Runs claimed; a run that is claimed again counts again")
LEASE_LOSSES = Counted("gatelab_lease_losses", "Runs that this worker had to give up because its lease had expired")
RECOVERIES = Counted("gatelab_recoveries", "Runs that this worker recovered from workers that fell silent")
CHILD_STARTS = Counted("gatelab_child_starts", "Training processes started; each after the first replaced a dead one")
TRAINING_RUNS = Counted("gatelab_training_runs", "Runs being trained now", gauge=True)

METRICS: tuple[Counted | Timed, ...] = (
    STEPS,
    TOKENS,
    STEP_SECONDS,
    RECORD_SECONDS,
    CLAIMS,
    LEASE_LOSSES,
    RECOVERIES,
    CHILD_STARTS,
    TRAINING_RUNS,
)
CHILD = "pid"
"""The name of the number that holds the process id of a row's child."""


def _names() -> Iterator[str]:
    yield CHILD
    for metric in METRICS:
        if isinstance(metric, Timed):
            yield from (*metric.buckets, metric.sum)
        else:
            yield metric.name


class Meter:
    """Counts for one child in its row of `memory`. Only one thread of the child writes each number."""

    def __init__(self, memory: SharedNumbers) -> None:
        self.memory = memory
        place = memory.names
        self._step, self._token, self._pid = place[STEPS.name], place[TOKENS.name], place[CHILD]
        self._claims, self._losses, self._recoveries, self._starts, self._training = (
            place[metric.name] for metric in (CLAIMS, LEASE_LOSSES, RECOVERIES, CHILD_STARTS, TRAINING_RUNS)
        )
        self._step_seconds, self._record_seconds = (place[each.buckets[0]] for each in (STEP_SECONDS, RECORD_SECONDS))
        self._row = memory.row(0)

    def take_row(self, number: int) -> None:
        """Let this process be the child with this number; the previous one, which has died, trains nothing now."""
        self._row = self.memory.row(number)
        self._row[self._pid] = getpid()
        self._row[self._training] = 0
        self._row[self._starts] += 1

    def stepped(self, tokens: int, seconds: float) -> None:
        """Count an optimizer step of one run."""
        row = self._row
        row[self._step] += 1
        row[self._token] += tokens
        _time(row, self._step_seconds, STEP_SECONDS.bounds, seconds)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Time the recording of a run in this block; if it fails, nothing counts."""
        begun = monotonic()
        yield
        _time(self._row, self._record_seconds, RECORD_SECONDS.bounds, monotonic() - begun)

    def claimed(self) -> None:
        self._row[self._claims] += 1

    def lost_lease(self) -> None:
        self._row[self._losses] += 1

    def recovered(self) -> None:
        self._row[self._recoveries] += 1

    def training(self, runs: int) -> None:
        self._row[self._training] = runs


def _time(row: "memoryview[float]", first: int, bounds: tuple[float, ...], seconds: float) -> None:
    """Count into the bucket, and add to the sum behind the last bucket."""
    row[first + bisect_left(bounds, seconds)] += 1
    row[first + len(bounds) + 1] += seconds


METER = Meter(SharedNumbers(list(_names()), MOST_CHILDREN))
"""Made at import, before the parent forks: it reads what children count."""
