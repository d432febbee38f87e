"""`python -m tests.faults.poisoned_worker`: a worker whose process dies when it trains a run with a certain seed."""

import os

from gatelab.store import Claim
from worker.__main__ import main
from worker.lease import Leases

SEED = 666

_add = Leases.add


def add(self: Leases, claim: Claim) -> None:
    """The first function that the training of a claimed run calls."""
    if claim.spec.training.seed == SEED:
        os._exit(1)
    _add(self, claim)


if __name__ == "__main__":
    Leases.add = add  # type: ignore[method-assign]
    main()
