"""`python -m tests.faults.poisoned_worker`: a worker whose process dies whenever it trains a run of one seed."""

import os

from worker.__main__ import main
from worker.lease import Lease

SEED = 666

_enter = Lease.__enter__


def enter(self: Lease) -> Lease:
    """The first thing that happens in the training of a run that has been claimed."""
    if self._claim.spec.training.seed == SEED:
        os._exit(1)
    return _enter(self)


if __name__ == "__main__":
    Lease.__enter__ = enter  # type: ignore[method-assign]
    main()
