"""All errors that Gatelab raises on purpose, as one tree.

GatelabError
├── InvalidInput            the input is wrong: every problem names its path and what is allowed
│   ├── InvalidSpec         a job or run spec
│   ├── InvalidCorpus       a text that cannot be a corpus
│   ├── IdempotencyKeyReused  the idempotency key was used for another request
│   ├── InvalidState        the state of a session was changed, or belongs to another installation, run or checkpoint
│   └── InvalidRequest      anything else (a generate request, a cursor, ...)
├── TooLarge                the request exceeds a configured limit
├── NotFound                no such corpus, job, run or checkpoint
├── Conflict                the request is valid, but not in the present state
│   ├── CorpusNameTaken     the name belongs to another text
│   ├── CorpusInUse         jobs still refer to it
│   ├── NoCheckpoint        the run has no checkpoint to generate from yet
│   ├── NotFinite           the model computes infinities or NaN, so it is not served
│   └── WrongState          the run or job is not in a state that allows this
├── NotAuthenticated        the request has no valid key
├── NotAllowed              the key does not allow this, or another site made a browser send the request
├── Diverged                the loss, a weight or the optimizer state is no longer finite
├── Interrupted             a computation was stopped early, on request
├── LeaseLost               another worker owns this run now: stop, write nothing
├── CorruptCheckpoint       the checkpoint is damaged, or belongs to another model
├── CorruptCorpus           the stored text is damaged
├── DamagedBackup           a backup, or the data to back up, is damaged
├── Overloaded              too much work is waiting already: try again soon
├── Abandoned               the client no longer waits for the answer
└── Unavailable             the database or a blob cannot be reached now
    ├── CheckpointMissing   the file of a checkpoint is missing
    └── StorageUnavailable  the folder of large checkpoints cannot be reached

No class depends on a transport: HTTP and the command line map `code` to their own terms.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Problem:
    """One fault: where it is (a dotted path, may be empty), what is wrong, and what is allowed."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class GatelabError(Exception):
    """Base of all errors that Gatelab raises on purpose."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"


class InvalidInput(GatelabError):
    """The input is wrong. `problems` lists every fault found, not only the first."""

    code = "invalid-input"
    title = "Invalid input"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    @classmethod
    def at(cls, path: str, message: str) -> "InvalidInput":
        """The error for a single problem."""
        return cls([Problem(path, message)])


class InvalidSpec(InvalidInput):
    code = "invalid-spec"
    title = "Invalid spec"


class InvalidCorpus(InvalidInput):
    code = "invalid-corpus"
    title = "Invalid corpus"


class InvalidState(InvalidInput):
    code = "invalid-state"
    title = "Invalid state"


class InvalidRequest(InvalidInput):
    code = "invalid-request"
    title = "Invalid request"


class IdempotencyKeyReused(InvalidInput):
    code = "idempotency-key-reused"
    title = "Idempotency key reused"


class TooLarge(GatelabError):
    code = "too-large"
    title = "Too large"


class NotFound(GatelabError):
    code = "not-found"
    title = "Not found"

    def __init__(self, noun: str, key: object, hint: str = "") -> None:
        """`hint` is the end of the message: a suggestion, or the choices."""
        self.noun, self.key = noun, key
        super().__init__(f"there is no {noun} {key!r}{hint}")


class Conflict(GatelabError):
    code = "conflict"
    title = "Conflict"


class CorpusNameTaken(Conflict):
    code = "corpus-name-taken"
    title = "Corpus name taken"


class CorpusInUse(Conflict):
    code = "corpus-in-use"
    title = "Corpus in use"


class NoCheckpoint(Conflict):
    code = "no-checkpoint"
    title = "No checkpoint yet"


class NotFinite(Conflict):
    code = "not-finite"
    title = "The model's numbers are not finite"


class WrongState(Conflict):
    code = "wrong-state"
    title = "Wrong state"


class NotAuthenticated(GatelabError):
    code = "not-authenticated"
    title = "Not authenticated"


class NotAllowed(GatelabError):
    code = "not-allowed"
    title = "Not allowed"


class Diverged(GatelabError):
    """At optimizer step `step`, in epoch `epoch` (from 1)."""

    code = "diverged"
    title = "The run is not finite"

    def __init__(self, what: str, *, step: int, epoch: int) -> None:
        self.step, self.epoch = step, epoch
        super().__init__(f"{what} at step {step} (epoch {epoch})")


class Interrupted(GatelabError):
    """Nothing has changed: the computation can be repeated, with the same result."""

    code = "interrupted"
    title = "Interrupted"


class LeaseLost(GatelabError):
    code = "lease-lost"
    title = "Lease lost"


class CorruptCheckpoint(GatelabError):
    code = "corrupt-checkpoint"
    title = "Corrupt checkpoint"


class CorruptCorpus(GatelabError):
    code = "corrupt-corpus"
    title = "Corrupt corpus"


class DamagedBackup(GatelabError):
    code = "damaged-backup"
    title = "Damaged backup"


class Overloaded(GatelabError):
    code = "overloaded"
    title = "Too many requests"


class Abandoned(GatelabError):
    code = "abandoned"
    title = "Abandoned"


class Unavailable(GatelabError):
    code = "unavailable"
    title = "Unavailable"


class CheckpointMissing(Unavailable):
    """The run resumes from the previous checkpoint, as after a damaged one."""


class StorageUnavailable(Unavailable):
    """No run has lost anything or is to blame: its worker waits and tries again."""
