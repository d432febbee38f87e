"""An installation where jobs have ended in every way. They are trained once, and tests only read them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.client.live import Live, live
from tests.service.installation import TEXT, installation, spec

TASK = {"kind": "recall", "lag": 3, "symbols": 3}
LINE = len("a123?a\n")
PREFIX = "the [bold]\x1b[31m "
"""A name with markup and an escape sequence, which a terminal must not interpret."""

DONE = spec(sample={"prefix": PREFIX, "characters": 12}, gate_statistics=True, keep_checkpoints=1000) | {
    "corpus": "marked"
}
# At the high rate, every step multiplies the weights by 1 - rate * weight_decay = -9999, until they overflow.
MIXED = spec(optimizer={"kind": "sgd", "lr": 0.05, "weight_decay": 10}, epochs=8) | {
    "grid": {"training.optimizer.lr": [0.05, 1000.0]}
}
MEMORY = spec(num_steps=LINE, epochs=2, sample=None) | {"corpus": "memory"}
UNTRAINED = spec()


def train(folder: Path) -> None:
    """Write the data of an installation with the jobs that `Trained` names into `folder`."""
    # Each slice is one step and leaves a checkpoint, so there are several to choose from.
    with installation(folder, slice_seconds=1e-9, checkpoint_seconds=600) as service:

        def submit(name: str, body: dict[str, Any]) -> str:
            id: str = service.submit(body | {"name": name})["id"]
            return id

        service.add_corpus()
        marked = {"name": "marked", "text": TEXT + PREFIX * 5}
        for body in (
            marked,
            {"name": "memory", "synthetic": TASK | {"examples": 60}},
            {"name": "unused", "text": "a" * 9},
        ):
            assert service.client.post("/v1/corpora", json=body).status_code == 201
        service.store.jobs.cancel(submit("stopped", UNTRAINED))
        submit("done", DONE)
        submit("mixed", MIXED)
        submit("memory", MEMORY)
        service.work()
        submit("waiting", UNTRAINED)


@dataclass(frozen=True)
class Trained(Live):
    """Its jobs by their names:

    done: one run, which has succeeded, with several checkpoints.
    mixed: two runs, one of which has succeeded and one has diverged.
    memory: one run, which has learned TASK.
    stopped: one run, which was cancelled.
    waiting: one run, which is queued.
    """

    jobs: Mapping[str, str]

    def job(self, name: str) -> Any:
        """The service's own answer."""
        return self.raw(f"/v1/jobs/{self.jobs[name]}")

    def runs(self, name: str) -> list[Any]:
        """The service's own answer."""
        return self.service.runs(self.jobs[name])

    def run(self, name: str, index: int = 0) -> Any:
        """The service's own answer."""
        return self.runs(name)[index]


@contextmanager
def trained(folder: Path) -> Iterator[Trained]:
    """A service on the data that `train` left in `folder`, until the end of the block."""
    with live(folder) as place:
        before = place.service.rows()
        jobs = {job["name"]: job["id"] for job in place.raw("/v1/jobs")["data"]}
        yield Trained(place.service, place.wire, place.url, jobs)
        assert place.service.rows() == before, "tests of a trained installation only read it"
