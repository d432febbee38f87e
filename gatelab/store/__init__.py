"""The store: corpora, jobs, runs and their results, in SQLite or PostgreSQL.

The database is the truth. Its transactions coordinate everything that several processes do at once.
"""

from gatelab.store.checkpoints import Checkpoint, CheckpointInfo
from gatelab.store.claims import Flags
from gatelab.store.corpora import Corpus
from gatelab.store.events import Event
from gatelab.store.idempotency import IdempotencyKey
from gatelab.store.job_rows import Job
from gatelab.store.pagination import Page
from gatelab.store.queue import Claim
from gatelab.store.retry import retrying
from gatelab.store.run_update import Best, Report
from gatelab.store.runs import Run
from gatelab.store.states import FINISHED, State
from gatelab.store.store import Store

__all__ = [
    "FINISHED",
    "Best",
    "Checkpoint",
    "CheckpointInfo",
    "Claim",
    "Corpus",
    "Event",
    "Flags",
    "IdempotencyKey",
    "Job",
    "Page",
    "Report",
    "Run",
    "State",
    "Store",
    "retrying",
]
