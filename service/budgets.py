"""The most that a request to a route can cost: bytes, operations, rows and seconds.

Only this module says so. The bounds are those of the code: limits of the installation by their names, and constants of
the modules that enforce them. The reference shows them (`docs/reference/budgets.md`), and a test compares them with the
API's description.
"""

import math
import sys
from dataclasses import dataclass

from gatelab.equations.bounds import CHARACTERS as EQUATION_CHARACTERS
from gatelab.equations.zoo import zoo
from gatelab.specs import Limits
from gatelab.store.checkpoints import MOST_RUNS as MOST_MODELS
from gatelab.store.engine import BUSY_SECONDS
from gatelab.store.events import LOOK_CHARACTERS
from gatelab.store.lineage import MOST_NODES
from gatelab.store.metrics import MOST_EVALUATIONS
from gatelab.store.pagination import LARGEST_PAGE, PAGE_CHARACTERS
from gatelab.store.results import MOST_EVALUATIONS as REPORT_EVALUATIONS
from service.corpora.routes import MOST_CHARACTERS
from service.jobs.event_routes import JOBS_AT_ONCE
from service.runs.comparison_routes import MOST_RUNS
from service.runs.export_routes import LONGEST_TRACE
from service.runs.routes import PIECE_BYTES

OBJECT_BYTES = 2**16
"""An object with names, numbers and a text or two, such as a key or a row of a report."""
NUMBER_BYTES = 32
"""A number in JSON, with a separator."""
UTF8_BYTES = 6
"""A character in JSON: at most four bytes, or an escape of six."""


@dataclass(frozen=True)
class Amount:
    """A product of numbers and of named limits. A limit of 0 stands for the machine's memory."""

    factors: tuple[int | str, ...]
    unit: str = ""

    @property
    def limits(self) -> list[str]:
        return [factor for factor in self.factors if isinstance(factor, str)]

    def value(self, limits: Limits) -> int | None:
        """The product; None if a limit is the machine's."""
        found = [getattr(limits, factor) if isinstance(factor, str) else factor for factor in self.factors]
        return math.prod(found) if all(found) or not self.limits else None


def amount(*factors: int | str, unit: str = "") -> Amount:
    return Amount(factors, unit)


ONE = amount(1)


@dataclass(frozen=True)
class Budget:
    """
    Attributes:
        answer: bytes of the answer, or of a piece of it if it is `streamed`.
        rows: rows of the database that are read into memory, or written.
        operations: operations that are computed, in separate threads and in the account's turn; None without any.
        seconds: the time limit of the request. Computed operations have none: they end when they are done, or when the
            client has gone.
    """

    answer: Amount
    rows: Amount = ONE
    operations: Amount | None = None
    seconds: int | None = BUSY_SECONDS
    streamed: bool = False


def computed(answer: Amount, operations: Amount, rows: Amount = ONE, *, streamed: bool = False) -> Budget:
    return Budget(answer, rows, operations, None, streamed)


FLOPS = amount("request_flops", unit="floating-point operations")
SCANNED = amount("corpus_bytes", unit="bytes of text read")
OBJECT = Budget(amount(OBJECT_BYTES))
PAGE = Budget(amount(LARGEST_PAGE, OBJECT_BYTES), amount(LARGEST_PAGE))
LONG_PAGE = Budget(amount(PAGE_CHARACTERS, UTF8_BYTES), amount(LARGEST_PAGE))
NOTHING = Budget(amount(0), amount("runs_per_job"))
JOB = Budget(amount("spec_bytes", UTF8_BYTES), amount("runs_per_job"))
COMPLETION = computed(amount("logprob_values", 2 * NUMBER_BYTES), FLOPS, streamed=True)
REPORTED = amount(REPORT_EVALUATIONS, unit="evaluations")

BUDGETS: dict[str, Budget] = {
    "GET /v1/cells": Budget(amount(len(zoo()), OBJECT_BYTES), amount(0)),
    "POST /v1/cells/check": computed(
        amount(EQUATION_CHARACTERS, 16 * NUMBER_BYTES), amount(EQUATION_CHARACTERS, unit="characters read"), amount(0)
    ),
    "POST /v1/corpora": computed(amount(OBJECT_BYTES), SCANNED),
    "GET /v1/corpora": PAGE,
    "GET /v1/corpora/{corpus}": OBJECT,
    "DELETE /v1/corpora/{corpus}": Budget(amount(0)),
    "GET /v1/corpora/{corpus}/text": computed(amount(MOST_CHARACTERS, UTF8_BYTES), SCANNED),
    "GET /v1/corpora/{corpus}/alphabet": computed(amount(sys.maxunicode + 1, 2 * NUMBER_BYTES), SCANNED),
    "GET /v1/jobs/changes": Budget(
        amount("spec_bytes", UTF8_BYTES), amount(JOBS_AT_ONCE, "runs_per_job"), seconds=None, streamed=True
    ),
    "GET /v1/jobs/{job}/events": Budget(
        amount(LOOK_CHARACTERS, UTF8_BYTES), amount(LARGEST_PAGE), seconds=None, streamed=True
    ),
    "POST /v1/jobs": computed(
        amount("spec_bytes", UTF8_BYTES),
        amount("runs_per_job", 3, "corpus_bytes", unit="bytes of text read, once for all runs that read alike"),
        amount("runs_per_job"),
    ),
    "GET /v1/jobs": LONG_PAGE,
    "GET /v1/jobs/{job}": JOB,
    "DELETE /v1/jobs/{job}": NOTHING,
    "POST /v1/jobs/{job}/cancel": JOB,
    "POST /v1/jobs/{job}/pause": JOB,
    "POST /v1/jobs/{job}/resume": JOB,
    "GET /v1/jobs/{job}/metrics": computed(
        amount(MOST_EVALUATIONS, 8 * NUMBER_BYTES),
        amount(MOST_EVALUATIONS, unit="evaluations"),
        amount(MOST_EVALUATIONS),
    ),
    "GET /v1/jobs/{job}/report": computed(amount("runs_per_job", OBJECT_BYTES), REPORTED, amount(REPORT_EVALUATIONS)),
    "GET /v1/runs": LONG_PAGE,
    "GET /v1/runs/{run}": Budget(amount("spec_bytes", UTF8_BYTES)),
    "GET /v1/runs/{run}/metrics": computed(
        amount(MOST_EVALUATIONS, 16 * NUMBER_BYTES),
        amount(MOST_EVALUATIONS, unit="evaluations"),
        amount(MOST_EVALUATIONS),
    ),
    "GET /v1/runs/{run}/samples": computed(
        amount(PAGE_CHARACTERS, UTF8_BYTES), amount(PAGE_CHARACTERS, unit="characters"), amount(LARGEST_PAGE)
    ),
    "GET /v1/runs/{run}/tree": Budget(amount(MOST_NODES, OBJECT_BYTES), amount(MOST_NODES)),
    "GET /v1/runs/{run}/checkpoints": Budget(amount(LARGEST_PAGE + 1, OBJECT_BYTES), amount(LARGEST_PAGE + 1)),
    "GET /v1/runs/{run}/checkpoints/{step}": computed(
        amount(PIECE_BYTES), amount("run_memory_bytes", unit="bytes copied"), streamed=True
    ),
    "GET /v1/compare": computed(amount(MOST_RUNS, OBJECT_BYTES), REPORTED, amount(REPORT_EVALUATIONS)),
    "GET /v1/runs/{run}/export": Budget(
        amount("run_memory_bytes"),
        operations=amount("run_memory_bytes", unit="bytes copied"),
        seconds=LONGEST_TRACE,
    ),
    "POST /v1/runs/{run}/generate": computed(amount("max_tokens", 2 * NUMBER_BYTES), FLOPS, streamed=True),
    "POST /v1/runs/{run}/states/mix": Budget(amount("request_bytes"), amount(0)),
    "POST /v1/runs/{run}/score": computed(amount("score_characters", NUMBER_BYTES), FLOPS),
    "POST /v1/runs/{run}/gates": computed(
        amount("gate_values", NUMBER_BYTES), amount("influence_work", unit="multiplications, beside request_flops")
    ),
    "POST /v1/runs/{run}/recall": computed(amount(OBJECT_BYTES), FLOPS),
    "GET /v1/models": Budget(amount(MOST_MODELS, 8 * NUMBER_BYTES), amount(MOST_MODELS)),
    "GET /v1/models/{model}": OBJECT,
    "POST /v1/completions": COMPLETION,
    "GET /v1/runs/{run}/openai/v1/models": OBJECT,
    "GET /v1/runs/{run}/openai/v1/models/{model_name}": OBJECT,
    "POST /v1/runs/{run}/openai/v1/completions": COMPLETION,
    "GET /v1/runs/{run}/openai/tokenizer_info": computed(
        amount(OBJECT_BYTES), amount("run_memory_bytes", unit="bytes of a model that is loaded")
    ),
    "POST /v1/runs/{run}/openai/tokenize": computed(
        amount("prompt_characters", 2 * NUMBER_BYTES), amount("prompt_characters", unit="characters read")
    ),
    "POST /v1/runs/{run}/openai/detokenize": computed(
        amount("request_bytes", UTF8_BYTES), amount("request_bytes", unit="bytes read")
    ),
    "GET /v1/keys": PAGE,
    "POST /v1/keys": OBJECT,
    "POST /v1/keys/{key}/rotate": OBJECT,
    "DELETE /v1/keys/{key}": OBJECT,
    "GET /metrics": Budget(amount(2**20), amount(2**10)),
    "GET /v1/account": Budget(amount(OBJECT_BYTES), amount(0)),
    "GET /v1/login": OBJECT,
    "POST /v1/login": Budget(amount(0)),
    "DELETE /v1/login": Budget(amount(0), amount(0)),
    "GET /healthz": Budget(amount(OBJECT_BYTES), amount(0)),
    "GET /readyz": OBJECT,
}
"""By method and address. Every route of the API's description is here, and nothing else."""

BY_SETTING = {
    "prompt": "prompt_characters",
    "text": "prompt_characters",
    "texts[]": "prompt_characters",
    "prompt[]": "prompt_characters",
    "state": "request_bytes",
    "other": "request_bytes",
    "grid": "spec_bytes",
    "grid{}": "spec_bytes",
}
"""The limits on texts, lists and objects of bodies whose length the description does not bound. `body_bytes` bounds
the text of a corpus, and the form that has its file and name."""
