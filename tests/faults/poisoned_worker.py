"""`python -m tests.faults.poisoned_worker`: a worker whose process dies whenever it trains a run of one seed."""

import os

from gatelab.store import Claim
from worker.__main__ import main
from worker.lease import Leases

SEED = 666

_add = Leases.add


def add(self: Leases, claim: Claim) -> None:
    """The first thing that happens in the training of a run that has been claimed."""
    if claim.spec.training.seed == SEED:
        os._exit(1)
    _add(self, claim)


if __name__ == "__main__":
    Leases.add = add  # type: ignore[method-assign]
    main()
