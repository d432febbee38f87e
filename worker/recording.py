"""From the events of training to the rows of the store."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import inf, isfinite
from typing import Any

from gatelab.errors import Diverged
from gatelab.reports.cautions import cautions
from gatelab.scan.native.compilations import Compilation
from gatelab.store import Best, Claim, Flags, Report, State, Store
from gatelab.training import Evaluated, Event, Started, Stepped
from gatelab.wire import events as wire
from gatelab.wire.evaluations import Evaluation, GateStatistics, Sample, Summary
from gatelab.wire.runs import RunError
from worker.telemetry import METER, Meter


@dataclass
class Pending:
    """The reports since the last record."""

    metrics: list[Evaluation] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    events: list[wire.JobEvent] = field(default_factory=list)


class Recorder:
    """Collects what a run reports, and writes it together with the checkpoint that it belongs to."""

    def __init__(self, store: Store, claim: Claim, device: str, meter: Meter = METER) -> None:
        self.store, self.claim, self.device, self.meter = store, claim, device, meter
        before = store.runs.get(claim.run_id).metrics
        self._summary = before.stored() if before else {}
        self._together = 1
        self._pending = Pending()
        self._started: Started | None = None
        self._latest: Event | None = None
        self._best: Best | None = None
        self._best_weights: str | None = None

    def add(self, event: Event) -> None:
        """Collect an event. Nothing is written yet, and a step is not evaluated before it is recorded."""
        before, self._latest = self._latest, event
        match event:
            case Stepped() if before is not None:
                at, was = event.position, before.position
                self.meter.stepped(at.tokens - was.tokens, at.training_seconds - was.training_seconds)
            case Started():
                self._started = event
            case Evaluated():
                self._add_evaluation(event)

    def trained_with(self, runs: int) -> None:
        """Note that from now on `runs` runs, including this one, share the time of each step."""
        self._together = runs

    def compiled(self, compilation: Compilation) -> None:
        """Note that the run has waited for the code of its cell."""
        self._pending.events.append(wire.CellCompiled(**asdict(compilation)))

    def record(self, next_state: State | None) -> Flags:
        """Write everything since the last record, with a checkpoint, and change the run's state.

        Raises:
            LeaseLost: the run belongs to another worker now; nothing was written.
            Conflict: another worker has recorded one of these steps; nothing was written.
            Unavailable: the database cannot be reached.
            Diverged: a number of the run is not finite, so there is no checkpoint; nothing was written.
        """
        event = self._latest
        assert event is not None, "training reports its start before anything is recorded"
        # First, so that a run that fails here has reported its progress.
        self._pending.events.append(self._progress(event))
        checkpoint = event.checkpoint()
        return self._write(
            checkpoint=checkpoint.to_bytes(), weights_sha256=checkpoint.weights_sha256(), next_state=next_state
        )

    def fail(self, error: RunError) -> None:
        """End the run as failed. Its measurements are kept; its checkpoints are those recorded before, and the best."""
        self._write(next_state=State.FAILED, error=error, weights_sha256=self._best_weights)

    def _write(self, **report: Any) -> Flags:
        at = self._latest.position if self._latest else None
        if at:
            self._summary |= {"seconds": at.seconds, "tokens_per_second": _speed(self._latest)}
            if (together := max(self._together, self._summary.get("trained_together", 1))) > 1:
                self._summary["trained_together"] = together
        whole = Report(
            step=at.step if at else self.claim.step,
            epoch=at.epoch if at else self.claim.epoch,
            parameters=self._started.parameters if self._started else None,
            total_steps=self._total_steps,
            device=self.device,
            engine=self._started.engine if self._started else None,
            metrics=self._pending.metrics,
            samples=self._pending.samples,
            events=self._pending.events,
            summary=Summary(**self._summary),
            keep_checkpoints=self.claim.spec.training.keep_checkpoints,
            keep_best=self.claim.spec.training.keep_best,
            best=self._best,
            **report,
        )
        with self.meter.recording():
            flags = self.store.claims.record(self.claim, whole)
        self._pending, self._best, self._best_weights = Pending(), None, None
        return flags

    def _add_evaluation(self, event: Evaluated) -> None:
        at = event.position
        if self.claim.spec.training.keep_best:
            self._note_best(event)
        measured = _measured(event)
        self._summary |= measured | self._cautions(event)
        if at.standing.ended is not None:
            self._summary["ended_by"] = at.standing.ended
        whole = measured | {
            "step": at.step,
            "epoch": at.epoch,
            "tokens": at.tokens,
            "seconds": at.seconds,
            "tokens_per_second": _speed(event),
        }
        if event.gates is not None:
            whole["gates"] = [
                {name: GateStatistics(**asdict(found)) for name, found in layer.items()} for layer in event.gates
            ]
        self._pending.metrics.append(Evaluation(**whole))
        self._pending.events.append(wire.RunEvaluated(**whole, total_steps=self._total_steps))
        if event.sample is not None:
            self._add_sample(event, event.sample)

    def _cautions(self, event: Evaluated) -> dict[str, Any]:
        """The context of these losses, and warnings about them."""
        started = self._started
        assert started is not None, "training reports its start before an evaluation"
        words = cautions("training", event.train_loss, None, started.vocabulary)
        words += cautions("validation", event.validation_loss, started.validation_tokens, started.vocabulary)
        words += cautions("test", event.test_loss, started.test_tokens, started.vocabulary)
        return {
            "vocabulary": started.vocabulary,
            "validation_tokens": started.validation_tokens,
            "test_tokens": started.test_tokens,
            "warnings": words,
        }

    @cached_property
    def _lowest(self) -> float:
        """The lowest validation loss of the run; infinite where none was finite. Looked up when first asked for."""
        found = self.store.metrics.lowest_validation_loss(self.claim.run_id)
        return inf if found is None else found

    def _note_best(self, event: Evaluated) -> None:
        """Keep the bytes of a checkpoint if this evaluation is the best so far. They are written with the next record,
        in one transaction with the evaluation itself: if one is lost, both are repeated."""
        loss = event.validation_loss
        if not isfinite(loss) or loss >= self._lowest:
            return
        try:
            checkpoint = event.checkpoint()
        except Diverged:
            return  # training will report that next; this evaluation is not the best one
        self._lowest = loss
        self._best = Best(event.position.step, event.position.epoch, checkpoint.to_bytes())
        self._best_weights = checkpoint.weights_sha256()

    def _add_sample(self, event: Evaluated, text: str) -> None:
        how = self.claim.spec.training.sample
        assert how is not None, "a sample comes from a spec that asks for one"
        told: dict[str, Any] = {"step": event.position.step, "epoch": event.position.epoch}
        told |= {"prefix": how.prefix, "text": text}
        self._pending.samples.append(Sample(**told))
        self._pending.events.append(wire.Sampled(**told))

    def _progress(self, event: Event) -> wire.Progress:
        of_step: dict[str, Any] = {}
        if isinstance(event, Stepped):
            of_step = {"train_loss": event.loss, "learning_rate": event.learning_rate}
        return wire.Progress(
            step=event.position.step,
            epoch=event.position.epoch,
            total_steps=self._total_steps,
            tokens_per_second=_speed(event),
            **of_step,
        )

    @property
    def _total_steps(self) -> int | None:
        return self._started.total_steps if self._started else None


def _measured(event: Evaluated) -> dict[str, Any]:
    """The fields that the evaluation and the run's summary share. Those of the test part exist once it is measured."""
    measured: dict[str, Any] = {
        "train_loss": event.train_loss,
        "validation_loss": event.validation_loss,
        "bits_per_character": event.bits_per_character,
    }
    if event.learning_rate is not None:
        measured["learning_rate"] = event.learning_rate
    if event.test_loss is not None:
        measured["test_loss"] = event.test_loss
        measured["test_bits_per_character"] = event.test_bits_per_character
    return measured


def _speed(event: Event | None) -> float | None:
    """Training tokens per second of training, without evaluations."""
    at = event.position if event else None
    return at.tokens / at.training_seconds if at and at.training_seconds > 0 else None
