"""Training as an iterator of events."""

from gatelab.training.evaluation import bits_per_character, perplexity
from gatelab.training.events import Evaluated, Event, Started, Stepped
from gatelab.training.loop import train
from gatelab.training.pack import Ended, Pack
from gatelab.training.pack_planning import pack_size
from gatelab.training.trainer import Trainer

__all__ = [
    "Ended",
    "Evaluated",
    "Event",
    "Pack",
    "Started",
    "Stepped",
    "Trainer",
    "bits_per_character",
    "pack_size",
    "perplexity",
    "train",
]
