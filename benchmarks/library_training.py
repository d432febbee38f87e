"""Training with the library alone, in a process of its own: the time that a worker would need if it only trained.

`python -m benchmarks.library_training THREADS REPEATS` reads {"spec": …, "text": …} from standard input and prints, as
JSON, a list with the seconds and the last validation loss of each training.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from gatelab.specs import RunSpec, parse


@dataclass(frozen=True)
class Bare:
    """One training."""

    seconds: float
    validation_perplexity: float


def measure(spec: RunSpec, text: str, threads: int, repeats: int) -> list[Bare]:
    """Train `repeats` times, one after the other, in one new process with a worker's environment."""
    answer = subprocess.run(
        [sys.executable, "-m", __name__, str(threads), str(repeats)],
        input=json.dumps({"spec": spec.model_dump(mode="json"), "text": text}),
        env={**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Bare(**training) for training in json.loads(answer.stdout)]


def main(threads: int, repeats: int) -> None:
    asked = json.load(sys.stdin)
    spec = parse(RunSpec, asked["spec"])
    print(json.dumps([asdict(_train(spec, asked["text"], threads)) for _ in range(repeats)]))


def _train(spec: RunSpec, text: str, threads: int) -> Bare:
    from gatelab.text import Corpus
    from gatelab.training import Evaluated, perplexity, train

    begun = time.perf_counter()
    events = train(spec, Corpus(spec.texts.train, text), threads=threads)
    *_, last = (event for event in events if isinstance(event, Evaluated))
    return Bare(time.perf_counter() - begun, perplexity(last.validation_loss))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
