"""Checkpoints of random models, as a run would have saved them."""

from typing import Any

from gatelab.checkpoint import Checkpoint, Position
from gatelab.model import LanguageModel, array_of
from gatelab.specs import CellSpec, RunSpec, parse
from gatelab.text.tokenizers import CharTokenizer, Tokenizer

LETTERS = CharTokenizer(" abcdefghijklmnopqrstuvwxyz", "letters")
PLAIN = CharTokenizer(" .abcdeé", "none")


def checkpoint_of(cell: CellSpec, tokenizer: Tokenizer, seed: int, **model: Any) -> Checkpoint:
    """A network of 9 hidden units whose weights are so small that rounding does not grow from step to step."""
    architecture = {"cell": cell.model_copy(update={"hidden": 9}).model_dump(), "init": {"normal": 0.4}, **model}
    spec = parse(RunSpec, {"corpus": "x", "model": architecture})
    made = LanguageModel(spec.model, tokenizer.vocabulary)
    made.initialize(seed)
    return Checkpoint(
        spec, tokenizer, Position(step=7), {name: array_of(value) for name, value in made.state_dict().items()}
    )
