"""Packs: runs of equal shape, trained in lock-step by one engine. A lone run is a pack of one."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gatelab.errors import Diverged, Interrupted
from gatelab.training.engines import Device, Wanted, build_engine
from gatelab.training.events import Evaluated, Event
from gatelab.training.observation import observe
from gatelab.training.trainer import Trainer


@dataclass(frozen=True)
class Ended:
    """The member has trained to its end, and has left the pack."""


News = list[tuple[str, Event | Ended | Exception]]
"""The events of a round, each with the name of its member. An exception means that the member failed and left."""


class Pack:
    """Trains its members round by round: each takes its next step or, if that is due, is evaluated.

    The results of a member do not depend on the other members, and a fault of a member ends only that member. Every
    member that takes part in a call of the engine counts an equal share of its time.

    Args:
        trainers: the members by name, all of one shape (`gatelab.specs.shape_key`).
        device: where to train them.
        engine: the engine that computes it.
        threads: of the CPU; default `gatelab.machine.cores`.

    Attributes:
        members: those that are still training. A member that has ended or failed is removed.

    Raises:
        InvalidInput: the engine cannot be used.
    """

    def __init__(
        self,
        trainers: Mapping[str, Trainer],
        device: Device = "cpu",
        engine: Wanted = "auto",
        threads: int | None = None,
    ) -> None:
        self.members = dict(trainers)
        self._engine = build_engine([trainer.member for trainer in trainers.values()], device, engine, threads)
        for index, trainer in enumerate(trainers.values()):
            trainer.join(self._engine, index)

    def __iter__(self) -> Iterator[News]:
        """The start, then the rounds until no member is left."""
        yield self.start()
        while self.members:
            yield self.round()

    def leave(self, name: str) -> None:
        """Remove this member; the others continue."""
        self.members.pop(name, None)

    def interrupt(self) -> None:
        """End the current round, or the next one, early and without events. Another thread may call this.

        Only time is lost: the following round computes the same again.
        """
        self._engine.interrupt()

    def start(self) -> News:
        """A `Started` for every member, and an `Ended` for those with nothing left to do."""
        news: News = [(name, trainer.started()) for name, trainer in self.members.items()]
        return news + self._ended(self.members)

    def round(self) -> News:
        """Advance every member by one event.

        The checkpoints of these events are valid until the next round. A fault of an evaluation follows it.
        """
        stepping: dict[str, Trainer] = {}
        evaluating: dict[str, Trainer] = {}
        for name, trainer in self.members.items():
            (evaluating if trainer.evaluation_due else stepping)[name] = trainer
        news = self._step(stepping) if stepping else []
        return news + self._evaluate(evaluating) if evaluating else news

    def _step(self, trainers: dict[str, Trainer]) -> News:
        begun = time.perf_counter()
        try:
            reads = self._engine.differentiate({trainer.index: trainer.reading() for trainer in trainers.values()})
        except Interrupted:
            return []
        news: News = []
        for name, trainer in trainers.items():
            try:
                trainer.check(reads[trainer.index])
            except Diverged as error:
                news.append((name, error))
                self.leave(name)
        sound = [(name, trainer) for name, trainer in trainers.items() if name in self.members]
        rates = {trainer.index: trainer.rate() for _, trainer in sound}
        self._engine.update(list(rates), list(rates.values()))
        share = (time.perf_counter() - begun) / len(trainers)
        news += [(name, trainer.stepped(reads[trainer.index], rates[trainer.index], share)) for name, trainer in sound]
        return news

    def _evaluate(self, trainers: dict[str, Trainer]) -> News:
        begun = time.perf_counter()
        try:
            losses = self._losses(list(trainers.values()))
        except Interrupted:
            return []
        share = (time.perf_counter() - begun) / len(trainers)
        news: News = []
        sound: list[str] = []
        for name, trainer in trainers.items():
            try:
                evaluated, fault = _evaluated(trainer, losses[trainer.index], share)
                news.append((name, evaluated))
            except Exception as error:  # a sample is generated for each member alone, so any fault is its own
                fault = error
            if fault is None:
                sound.append(name)
            else:
                news.append((name, fault))
                self.leave(name)
        return news + self._ended(sound)

    def _ended(self, names: Iterable[str]) -> News:
        """Remove those of these members that have nothing left to do."""
        ended = [name for name in names if self.members[name].ended]
        for name in ended:
            self.leave(name)
        return [(name, Ended()) for name in ended]

    def _losses(self, trainers: list[Trainer]) -> dict[int, list[float]]:
        """The mean losses of members on the texts on which they are evaluated now, text by text."""
        losses: dict[int, list[float]] = {trainer.index: [] for trainer in trainers}
        while texts := {t.index: text for t in trainers if (text := t.text(losses[t.index])) is not None}:
            for index, loss in self._engine.evaluate(texts).items():
                losses[index].append(loss)
        return losses


def _evaluated(trainer: Trainer, losses: Sequence[float], seconds: float) -> tuple[Evaluated, Exception | None]:
    """The evaluation with these losses, and the fault of the run, if there is one."""
    diverged = trainer.divergence(losses)
    network, step = trainer.network(), trainer.position.step
    seen = observe(trainer.spec, trainer.data, network, step, sound=diverged is None)
    return trainer.evaluated(losses, seen, seconds), diverged or seen.fault
