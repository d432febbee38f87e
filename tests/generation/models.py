"""Models to generate from: random weights, large enough that what they predict is far from uniform."""

import numpy as np

from gatelab.generation import Token, generate
from gatelab.model import LanguageModel, ModelState
from gatelab.specs import CellSpec, ModelSpec, Sampling
from gatelab.text import Tokenizer
from tests.randomized import randomize


def random_model(cell: CellSpec, tokenizer: Tokenizer, random: np.random.Generator) -> LanguageModel:
    """Two layers of 9 hidden units in double precision."""
    spec = ModelSpec(cell=cell.model_copy(update={"hidden": 9}), layers=2)
    model = LanguageModel(spec, tokenizer.vocabulary)
    randomize(model, random)
    return model


def tokens(
    model: LanguageModel, tokenizer: Tokenizer, prompt: str, *, state: ModelState | None = None, **how: object
) -> list[Token]:
    return list(generate(model, tokenizer, prompt, Sampling.model_validate(how), state=state))


def text_of(found: list[Token]) -> str:
    return "".join(token.text for token in found)
