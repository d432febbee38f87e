"""Small runs on real text, and their comparable results."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gatelab.checkpoint import Checkpoint, Position
from gatelab.specs import RunSpec, parse
from gatelab.text import Corpus
from gatelab.training import Evaluated, Event, Started, Stepped


def spec_of(model: dict[str, object] | None = None, **training: object) -> RunSpec:
    return parse(RunSpec, {"corpus": "text", "model": model or {}, "training": training})


def corpus(text: str, characters: int = 500) -> Corpus:
    """The beginning of the prose in a text."""
    return Corpus("text", text[2000 : 2000 + characters])


def untimed(position: Position) -> Position:
    """A position without its seconds."""
    return replace(position, seconds=0.0, training_seconds=0.0)


@dataclass(frozen=True)
class Seen:
    """The contents of an event without times; comparable with ==."""

    position: Position
    reported: tuple[object, ...]


def seen(event: Event) -> Seen:
    match event:
        case Started():
            reported: tuple[object, ...] = ("started", event.parameters, event.total_steps)
        case Stepped():
            reported = ("stepped", event.loss)
        case Evaluated():
            losses = event.train_loss, event.validation_loss, event.test_loss
            bits = event.bits_per_character, event.test_bits_per_character
            reported = ("evaluated", *losses, *bits, event.sample, repr(event.gates))
        case _:
            raise TypeError(f"an event that this helper does not know: {event}")
    return Seen(untimed(event.position), reported)


def recorded(events: Iterable[Event]) -> list[tuple[Seen, Checkpoint]]:
    """Every event, with the checkpoint that can be taken at it."""
    return [(seen(event), event.checkpoint()) for event in events]


def evaluations(events: Iterable[Event]) -> list[Evaluated]:
    return [event for event in events if isinstance(event, Evaluated)]
