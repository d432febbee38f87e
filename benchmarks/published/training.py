"""Runs trained in this process, in packs as a worker trains them, on the native engine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gatelab.errors import GatelabError
from gatelab.specs import RunSpec, shape_key
from gatelab.text import Corpus, prepare
from gatelab.text.windows import Data
from gatelab.training import Evaluated, Pack, Trainer, pack_size
from gatelab.training.engines import choose_engine

Name = TypeVar("Name", int, str)


@dataclass(frozen=True)
class Trained:
    """One run in the end, with all of its evaluations; `error` says why it failed, if it did."""

    trainer: Trainer
    evaluations: Sequence[Evaluated]
    error: GatelabError | None
    together: int

    @property
    def last(self) -> Evaluated | None:
        """The last evaluation, where there was one."""
        return self.evaluations[-1] if self.evaluations else None


def train(specs: Mapping[Name, RunSpec], text: str, threads: int) -> Iterator[dict[Name, Trained]]:
    """Train these runs on one text, and yield the results of each pack, in the order of the specs.

    Raises:
        InvalidInput: the native engine cannot be used here.
    """
    waiting = dict(specs)
    while waiting:
        spec = next(iter(waiting.values()))
        alike = [name for name, other in waiting.items() if shape_key(other) == shape_key(spec)]
        data = prepare(spec, Corpus(spec.texts.train, text))
        choose_engine("cpu", "native", spec.training.precision)  # refuses here, not inside a pack
        size = pack_size(spec, data.tokenizer.vocabulary, "native", threads=threads, memory=0)
        yield _pack({name: waiting.pop(name) for name in alike[:size]}, data, threads)


def _pack(specs: Mapping[Name, RunSpec], data: Data, threads: int) -> dict[Name, Trained]:
    trainers = {str(name): Trainer(spec, data) for name, spec in specs.items()}
    evaluations: dict[str, list[Evaluated]] = {name: [] for name in trainers}
    failed: dict[str, GatelabError] = {}
    for news in Pack(trainers, "cpu", "native", threads):
        for name, event in news:
            if isinstance(event, Evaluated):
                evaluations[name].append(event)
            elif isinstance(event, GatelabError):
                failed[name] = event
            elif isinstance(event, Exception):
                raise event
    return {
        name: Trained(trainers[str(name)], evaluations[str(name)], failed.get(str(name)), len(specs)) for name in specs
    }
