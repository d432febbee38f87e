"""Training: an iterator of events. Who persists them is not its business."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from gatelab.checkpoint import Checkpoint, Position
from gatelab.errors import Diverged
from gatelab.generation import generate
from gatelab.model import Dropout, LanguageModel, ModelState
from gatelab.randomness import numpy_generator
from gatelab.specs.generation import Sampling
from gatelab.specs.job import RunSpec
from gatelab.text import Batch, Corpus, prepare
from gatelab.text.windows import Windows, batch_order
from gatelab.training.evaluation import bits_per_character, evaluate, tensors, total_loss
from gatelab.training.events import Evaluated, Event, Started, Stepped
from gatelab.training.optimizers import build_optimizer, optimizer_state, restore_optimizer


def train(
    spec: RunSpec, corpus: Corpus, *, device: torch.device | str = "cpu", resume: Checkpoint | None = None
) -> Iterator[Event]:
    """Train the model of `spec` on `corpus`, from the start or from a checkpoint of the same spec.

    A resumed run continues bit-identically on the same machine and number of threads.

    Yields:
        `Started`, then a `Stepped` after every optimizer step and an `Evaluated` after every epoch.

    Raises:
        InvalidSpec: the corpus is too short for the spec's windows.
        Diverged: a loss is not finite.
    """
    trainer = Trainer(spec, corpus, torch.device(device))
    if resume is not None:
        trainer.restore(resume)
    yield Started(trainer.position, trainer.checkpoint, trainer.model.parameter_count(), trainer.total_steps)
    while trainer.position.epoch < spec.training.epochs:
        yield from trainer.epoch()
        trainer.check_evaluation()


class Trainer:
    """One run's model, optimizer and position."""

    def __init__(self, spec: RunSpec, corpus: Corpus, device: torch.device) -> None:
        self.spec, self.device = spec, device
        self.data = prepare(spec, corpus)
        self.model = LanguageModel(spec.model, self.data.tokenizer.vocabulary)
        self.model.initialize(spec.training.seed)
        self.model.to(device)
        self.optimizer = build_optimizer(spec.training.optimizer, self.model.parameters())
        self.position = Position()
        self.carried: ModelState = ()
        self.validation_loss = 0.0

    @property
    def total_steps(self) -> int:
        return self.data.train.batches * self.spec.training.epochs

    def checkpoint(self) -> Checkpoint:
        """The run as it is now, in tensors of its own."""
        return Checkpoint(
            self.spec,
            self.data.tokenizer,
            self.position,
            {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()},
            {name: value.cpu() for name, value in optimizer_state(self.optimizer).items()},
            tuple(tuple(t.cpu().clone() for t in state) for state in self.carried),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Be where `checkpoint` was taken."""
        self.model.load_state_dict(dict(checkpoint.weights))
        restore_optimizer(self.optimizer, checkpoint.optimizer)
        self.position = checkpoint.position
        self.carried = tuple(tuple(t.to(self.device) for t in state) for state in checkpoint.carried)

    def epoch(self) -> Iterator[Event]:
        """The rest of the present epoch, from wherever the position is in it."""
        order = batch_order(self.data.train, self._shuffle())
        for index in range(self.position.batch, self.data.train.batches):
            loss = self._step(self.data.train.batch(index, order))
            yield Stepped(self.position, self.checkpoint, loss)
        yield self._finish_epoch()

    def _shuffle(self) -> np.random.Generator:
        return numpy_generator(self.spec.training.seed, "order", self.position.epoch)

    def _step(self, batch: Batch) -> float:
        """One optimizer step. Returns the batch's mean loss before it."""
        begun, at = time.perf_counter(), self.position
        inputs, targets = tensors(batch, self.device)
        if not self.data.train.carried or at.batch == 0:
            self.carried = self.model.initial_state(inputs.shape[1])
        logits, state = self.model(inputs, self.carried, Dropout(self.spec.training.seed, at.step))
        loss = total_loss(logits, targets) / batch.tokens
        value = loss.item()
        if not math.isfinite(value):
            raise Diverged(f"the loss is {value} at step {at.step + 1} (epoch {at.epoch + 1})")
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.spec.training.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.training.clip_norm)
        self.optimizer.step()
        self.carried = tuple(tuple(t.detach() for t in s) for s in state) if self.data.train.carried else ()
        elapsed = time.perf_counter() - begun
        self.position = replace(
            at,
            step=at.step + 1,
            batch=at.batch + 1,
            tokens=at.tokens + batch.tokens,
            epoch_loss=at.epoch_loss + value * batch.tokens,
            epoch_tokens=at.epoch_tokens + batch.tokens,
            seconds=at.seconds + elapsed,
            training_seconds=at.training_seconds + elapsed,
        )
        return value

    def _finish_epoch(self) -> Evaluated:
        begun, at, data = time.perf_counter(), self.position, self.data
        validation = self.validation_loss = evaluate(self.model, data.validation)
        last = at.epoch + 1 == self.spec.training.epochs
        test = evaluate(self.model, data.test) if last and data.test else None
        sample = self._sample()
        self.carried = ()
        self.position = replace(
            at,
            epoch=at.epoch + 1,
            batch=0,
            epoch_loss=0.0,
            epoch_tokens=0,
            seconds=at.seconds + time.perf_counter() - begun,
        )
        return Evaluated(
            self.position,
            self.checkpoint,
            train_loss=at.epoch_loss / at.epoch_tokens,
            validation_loss=validation,
            bits_per_character=self._bits(validation, data.validation),
            test_loss=test,
            test_bits_per_character=self._bits(test, data.test) if test is not None and data.test else None,
            sample=sample,
        )

    def _bits(self, loss: float, windows: Windows) -> float:
        return bits_per_character(loss, windows, self.data.tokenizer)

    def check_evaluation(self) -> None:
        """
        Raises:
            Diverged: the last evaluation's loss was not finite.
        """
        if not math.isfinite(self.validation_loss):
            at = self.position
            raise Diverged(f"the validation loss is {self.validation_loss} at step {at.step} (epoch {at.epoch})")

    def _sample(self) -> str | None:
        how = self.spec.training.sample
        if how is None:
            return None
        sampling = Sampling(max_tokens=how.characters, temperature=how.temperature, seed=self.position.step)
        return "".join(t.text for t in generate(self.model, self.data.tokenizer, how.prefix, sampling))
