"""`python -m tests.worker.packing_worker`: a worker that packs runs whenever it may, even if that is not faster."""

from functools import partial

from worker.__main__ import main
from worker.child import Child

_work = Child.work


def work(self: Child) -> None:
    from worker import slice as slices  # here, as in Child.work: a parent must stay free of torch

    if not isinstance(slices.Slice, partial):
        slices.Slice = partial(slices.Slice, pack_size=lambda *_, **__: 100)  # type: ignore[assignment, misc]
    _work(self)


if __name__ == "__main__":
    Child.work = work  # type: ignore[method-assign]
    main()
