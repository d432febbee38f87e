"""Prompts and models as a request names them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatelab.errors import InvalidRequest, NotFound
from gatelab.specs import Limits
from gatelab.specs.generation import CheckpointWord
from gatelab.specs.integers import read_count
from gatelab.text.tokenizers import BEGIN, Ids
from service.models import Loaded
from service.openai.shapes import CompletionRequest
from service.writing import check_prompt

if TYPE_CHECKING:
    from gatelab.text import Tokenizer

MOST = 1024
"""Choices of one request."""

SPECIAL_NAMES = ("<unk>", "<bos>")


def named(model: str) -> tuple[str, int | CheckpointWord]:
    """The run and the step of `run`, `run@step`, `run@latest` or `run@best`.

    Raises:
        NotFound: it is written otherwise.
    """
    run, at, step = model.partition("@")
    if not at or step == "latest":
        return run, "latest"
    if step == "best":
        return run, "best"
    number = read_count(step)
    if number is None:
        raise NotFound("model", model)
    return run, number


def prompts_of(request: CompletionRequest, loaded: Loaded, limits: Limits) -> list[Ids]:
    """The prompts as ids of the model.

    Raises:
        InvalidRequest: too many, too long, or ids that the model does not have.
    """
    given = request.prompt
    many = [given] if isinstance(given, str) or not given or isinstance(given[0], int) else list(given)
    # More texts than an account may have open at once could never be begun.
    most = min(MOST, limits.generations) if request.length else MOST
    if len(many) * (request.n or 1) > most:
        raise InvalidRequest.at("prompt", f"at most {most} choices (prompts times n) are allowed in one request")
    for prompt in many:
        assert isinstance(prompt, Sequence)
        check_prompt(limits, len(prompt))
    return [_encoded(prompt, loaded) for prompt in many]


def _encoded(prompt: object, loaded: Loaded) -> Ids:
    if isinstance(prompt, str):
        return loaded.tokenizer.encode(prompt).ids
    ids: Ids = np.array(prompt, dtype=np.int64).reshape(-1)
    if len(ids) and ids.max() >= loaded.decoder.vocabulary:
        raise InvalidRequest.at("prompt", f"token ids must be below {loaded.decoder.vocabulary} (got {ids.max()})")
    return ids


def begins(prompt: Ids) -> bool:
    """Whether `<bos>` is spelled out before a prompt, where it stands anyhow."""
    return len(prompt) > 0 and int(prompt[0]) == BEGIN


def token_text(tokenizer: "Tokenizer", token: int) -> str:
    """How a single token is shown; a byte that is no character alone as OpenAI shows it."""
    if token < len(SPECIAL_NAMES):
        return SPECIAL_NAMES[token]
    text = tokenizer.decode([token])
    if text and text != "\N{REPLACEMENT CHARACTER}":
        return text
    return f"bytes:\\x{token - len(SPECIAL_NAMES):02x}"
