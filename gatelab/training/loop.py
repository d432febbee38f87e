"""Training: an iterator of events. Its caller stores them."""

from collections.abc import Iterator
from typing import assert_never

from gatelab.checkpoint import Checkpoint
from gatelab.specs.job import RunSpec
from gatelab.text import Corpus, Texts, prepare
from gatelab.text.prefixes import check_prefix
from gatelab.text.vocabulary_growth import grown
from gatelab.training.engines import Device, Wanted
from gatelab.training.events import Event
from gatelab.training.pack import Ended, Pack
from gatelab.training.trainer import Trainer
from gatelab.warm_start import Origin, begin


def train(
    spec: RunSpec,
    corpus: Corpus | Texts,
    *,
    device: Device = "cpu",
    engine: Wanted = "auto",
    threads: int | None = None,
    resume: Checkpoint | None = None,
    start: Origin | None = None,
) -> Iterator[Event]:
    """Train the model of `spec` on its corpus, or on several, from the start or from a checkpoint of the same spec.

    A resumed run continues bit-identically on the same machine and engine.

    Args:
        engine: the engine that computes it; auto takes the fastest possible one.
        threads: of the CPU; default `gatelab.machine.cores`.
        start: the checkpoint that the spec's `start` names.

    Yields:
        `Started`, then a `Stepped` after every optimizer step and an `Evaluated` after every epoch.

    Raises:
        InvalidInput: the requested engine cannot be used here.
        InvalidSpec: the corpus is too short for the spec's windows, or lacks a character of its sample's prefix.
        Diverged: a loss is not finite, or at an evaluation a weight or a number of the optimizer.
    """
    tokenizer = None if resume is None else resume.tokenizer
    if tokenizer is None and start is not None:
        texts = corpus if isinstance(corpus, Texts) else Texts(corpus)
        tokenizer = grown(start.checkpoint.tokenizer, texts.train, *texts.held_out)
    data = prepare(spec, corpus, tokenizer)
    if resume is None:
        check_prefix(spec, data.tokenizer.alphabet)
    if resume is None and start is not None:
        resume = begin(spec, data.tokenizer, start)
    trainer = Trainer(spec, data, resume)
    for news in Pack({"": trainer}, device, engine, threads):
        for _, event in news:
            match event:
                case Event():
                    yield event
                case Exception():
                    raise event
                case Ended():
                    pass
                case _:
                    assert_never(event)
