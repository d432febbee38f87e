"""Measures of how well a model predicts held-out text, computed from its mean loss."""

import math

from gatelab.text import Tokenizer
from gatelab.text.windows import Windows


def perplexity(loss: float) -> float:
    """exp(loss): the number of equally likely tokens among which the model hesitates. Infinite on overflow."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def bits_per_character(loss: float, windows: Windows, tokenizer: Tokenizer) -> float:
    """The loss in bits per character of the scored text: comparable between tokenizers."""
    return loss / math.log(2) * len(windows.scored) / max(1, tokenizer.characters_in(windows.scored))
