"""Training as an iterator of events."""

from gatelab.training.evaluation import bits_per_character, evaluate, perplexity
from gatelab.training.events import Evaluated, Event, Started, Stepped
from gatelab.training.loop import train

__all__ = ["Evaluated", "Event", "Started", "Stepped", "bits_per_character", "evaluate", "perplexity", "train"]
