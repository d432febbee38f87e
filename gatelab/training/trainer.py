"""A run in training: its data, model and position. It says what to compute next, and interprets the results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gatelab.architecture import parameter_shapes
from gatelab.checkpoint import Checkpoint, Position, first_not_finite, named_arrays
from gatelab.dropout import Dropout
from gatelab.errors import Diverged
from gatelab.initial import initial_values
from gatelab.network import Network
from gatelab.randomness import numpy_generator
from gatelab.specs.job import RunSpec
from gatelab.specs.schedules import CONSTANT
from gatelab.text.tokenizers import Ids
from gatelab.text.windows import Data, Windows, batch_order
from gatelab.training.engines.base import Array, Engine, Member, Read, Reading, State
from gatelab.training.evaluation import bits_per_character
from gatelab.training.events import Evaluated, Started, Stepped
from gatelab.training.observation import Observation
from gatelab.training.schedules import rate
from gatelab.training.stopping import Ends, Measured, next_epoch


class Trainer:
    """One run's parameters and position, and its next step. The pack computes with an engine and passes the results on.

    Args:
        spec: the spec of the run.
        data: the corpus as `spec` sees it, and every other run of its shape.
        resume: the checkpoint of the same spec from which it resumes; by default it starts afresh.

    Raises:
        CorruptCheckpoint: the checkpoint's weights are not those of the spec.
        Diverged: a number of the checkpoint is not finite.
    """

    def __init__(self, spec: RunSpec, data: Data, resume: Checkpoint | None = None) -> None:
        self.spec, self.data = spec, data
        if resume is None:
            shapes = parameter_shapes(spec.model, data.tokenizer.vocabulary)
            weights: Mapping[str, Array] = initial_values(spec.model, shapes, spec.training.seed)
        else:
            if (name := resume.not_finite()) is not None:
                raise _not_finite(name, resume.position)
            resume.check_shapes()
            weights = resume.weights
        self.member = Member.starting_with(weights, spec.model, data.tokenizer.vocabulary, spec.training)
        self.position = resume.position if resume else Position()
        self.carried: State = ()
        self._resume = resume
        self._ends = Ends(spec.training, data.train.batches, data.train.tokens)
        schedule = spec.training.optimizer.schedule
        self._constant = spec.training.optimizer.lr if schedule == CONSTANT else None
        self._drops = spec.model.drops.masks
        self._order: tuple[int, Ids] | None = None

    def join(self, engine: Engine, index: int) -> None:
        """Become member `index` of `engine`."""
        self.engine, self.index = engine, index
        if self._resume is not None:
            engine.restore_optimizer(index, self._resume.optimizer)
            self.carried = self._resume.carried
            self._resume = None

    @property
    def weights(self) -> dict[str, Array]:
        """The current parameters, by their names. The next step may change them."""
        return self.engine.parameters(self.index)

    def network(self) -> Network:
        """The model as it is now, in numpy. The next step may change it."""
        return Network(self.member.spec, self.member.vocabulary, self.weights)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run, unless a loss or the time ends it before."""
        return self._ends.total_steps

    @property
    def ended(self) -> bool:
        return self.position.standing.ended is not None or self.position.epoch >= self.spec.training.epochs

    @property
    def evaluation_due(self) -> bool:
        return self._ends.evaluation_due(self.position)

    def rate(self, step: int | None = None) -> float:
        """The learning rate of the step after `step` others, the next one by default, if the plateau's cuts stay."""
        if self._constant is not None:
            return self._constant
        optimizer, at = self.spec.training.optimizer, self.position
        return rate(
            optimizer.schedule,
            optimizer.lr,
            at.step if step is None else step,
            self.total_steps,
            epoch_steps=self.data.train.batches,
            cuts=at.standing.cuts,
        )

    def checkpoint(self) -> Checkpoint:
        """A copy of the run as it is now.

        Raises:
            Diverged: a weight, or a number of the optimizer or of the carried state, is not finite.
        """
        captured = Checkpoint(
            self.spec,
            self.data.tokenizer,
            self.position,
            {name: array.copy() for name, array in self.weights.items()},
            self.engine.optimizer_state(self.index),
            tuple(tuple(array.copy() for array in state) for state in self.carried),
        )
        if (name := captured.not_finite()) is not None:
            raise _not_finite(name, self.position)
        return captured

    def started(self) -> Started:
        return Started(
            self.position,
            self.checkpoint,
            parameters=len(self.member.parameters),
            total_steps=self.total_steps,
            engine=self.engine.name,
            vocabulary=self.member.vocabulary,
            validation_tokens=self.data.validation.different_tokens,
            test_tokens=self.data.test.different_tokens if self.data.test else None,
        )

    # -- A step -------------------------------------------------------------------------------------------------------

    def reading(self) -> Reading:
        """The next batch of the epoch."""
        at, train = self.position, self.data.train
        state = self.carried if train.carried and at.batch > 0 else None
        dropout = Dropout(self.spec.training.seed, at.step) if self._drops else None
        return Reading(train, train.numbers(at.batch, self._batch_order()), state, dropout)

    def check(self, read: Read) -> None:
        """
        Raises:
            Diverged: the loss of the next step is not finite.
        """
        if not math.isfinite(read.loss):
            at = self.position
            raise Diverged(f"the loss is {read.loss / read.tokens}", step=at.step + 1, epoch=at.epoch + 1)

    def stepped(self, read: Read, learning_rate: float, seconds: float) -> Stepped:
        """Record that the step of `reading` was taken at this rate; it took `seconds`."""
        at = self.position
        self.carried = read.state
        # Not replace(), which takes longer than everything else in a step here.
        self.position = Position(
            step=at.step + 1,
            epoch=at.epoch,
            batch=at.batch + 1,
            tokens=at.tokens + read.tokens,
            epoch_loss=at.epoch_loss + read.loss,
            epoch_tokens=at.epoch_tokens + read.tokens,
            seconds=at.seconds + seconds,
            training_seconds=at.training_seconds + seconds,
            standing=at.standing,
        )
        if self.position.batch == self.data.train.batches and not self.evaluation_due:
            self.position, self.carried = next_epoch(self.position), ()
        return Stepped(self.position, self.checkpoint, read.loss / read.tokens, learning_rate)

    def _batch_order(self) -> Ids | None:
        """The order of the windows in the present epoch: a function of (seed, epoch), drawn once."""
        epoch = self.position.epoch
        if self.data.train.carried:
            return None
        if self._order is None or self._order[0] != epoch:
            shuffle = numpy_generator(self.spec.training.seed, "order", epoch)
            order = batch_order(self.data.train, shuffle)
            assert order is not None, "only carried windows have no order"
            self._order = epoch, np.ascontiguousarray(order)
        return self._order[1]

    # -- An evaluation ------------------------------------------------------------------------------------------------

    def text(self, losses: Sequence[float]) -> Windows | None:
        """The text to evaluate next, given the mean losses on the texts before; None if that was the last one.

        It is the validation text, and at the end of the run the test text.
        """
        if not losses:
            return self.data.validation
        if len(losses) == 1 and self._ends.evaluated(self.position, self._measured(losses[0])).standing.ended:
            return self.data.test
        return None

    def _measured(self, validation: float) -> Measured:
        at = self.position
        return Measured(at.epoch_loss / at.epoch_tokens, validation, self._bits(validation, self.data.validation))

    def divergence(self, losses: Sequence[float]) -> Diverged | None:
        """The number that is not finite at an evaluation with these losses, if any; called before `evaluated`."""
        at = self.position
        for text, loss in zip(("validation", "test"), losses, strict=False):
            if not math.isfinite(loss):
                return Diverged(f"the {text} loss is {loss}", step=at.step, epoch=_epoch(at))
        name = first_not_finite(named_arrays(self.weights, self.engine.optimizer_state(self.index)))
        return None if name is None else _not_finite(name, at)

    def evaluated(self, losses: Sequence[float], seen: Observation, seconds: float) -> Evaluated:
        """Take the mean losses on the texts that `text` named, and the observations; the evaluation took `seconds`."""
        at, measured, learning_rate = self.position, self._measured(losses[0]), self.rate(self.position.step - 1)
        test = losses[1] if len(losses) > 1 else None
        self.position = replace(self._ends.evaluated(at, measured), seconds=at.seconds + seconds)
        if self.position.batch == 0:
            self.carried = ()
        return Evaluated(
            self.position,
            self.checkpoint,
            train_loss=measured.train_loss,
            validation_loss=measured.validation_loss,
            bits_per_character=measured.bits_per_character,
            test_loss=test,
            test_bits_per_character=self._bits(test, self.data.test) if test is not None and self.data.test else None,
            learning_rate=learning_rate,
            sample=seen.sample,
            gates=seen.gates,
        )

    def _bits(self, loss: float, windows: Windows) -> float:
        return bits_per_character(loss, windows, self.data.tokenizer)


def _not_finite(name: str, at: Position) -> Diverged:
    """The error that a tensor of the run is not finite at its position."""
    return Diverged(f"{name} is not finite", step=at.step, epoch=_epoch(at))


def _epoch(at: Position) -> int:
    """The epoch of the latest step, from 1."""
    return at.epoch + (at.batch > 0)
