"""Models to generate from: random weights, large enough that what they predict is far from uniform."""

import numpy as np

from gatelab.generation.decoders import NativeDecoder, ReferenceDecoder
from gatelab.model import LanguageModel, network_of
from gatelab.network import Network, NetworkState
from gatelab.specs import CellSpec, ModelSpec, RnnSpec, Sampling
from gatelab.text import Tokenizer
from tests.generation.plain_generation import Token, generate
from tests.randomized import randomize


def random_model(cell: CellSpec, tokenizer: Tokenizer, random: np.random.Generator) -> LanguageModel:
    """Two layers of 9 hidden units in double precision.

    Their states have no bound where the activation is ReLU: with larger weights, they grow at every token.
    """
    unbounded = isinstance(cell, RnnSpec) and cell.activation == "relu"
    spec = ModelSpec(cell=cell.model_copy(update={"hidden": 9}), layers=2)
    model = LanguageModel(spec, tokenizer.vocabulary)
    randomize(model, random, 0.4 if unbounded else 1.0)
    return model


def tokens(
    model: LanguageModel | Network,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    state: NetworkState | None = None,
    **how: object,
) -> list[Token]:
    network = network_of(model) if isinstance(model, LanguageModel) else model
    return list(generate(network, tokenizer, prompt, Sampling.model_validate(how), state=state))


def native(model: LanguageModel, threads: int = 1) -> NativeDecoder:
    return NativeDecoder(network_of(model), threads)


def reference(model: LanguageModel) -> ReferenceDecoder:
    return ReferenceDecoder(network_of(model))


def text_of(found: list[Token]) -> str:
    return "".join(token.text for token in found)
