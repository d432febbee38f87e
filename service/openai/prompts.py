"""Prompts and models as a request names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatelab.errors import InvalidRequest, NotFound
from gatelab.specs import Limits
from gatelab.specs.generation import CheckpointWord
from gatelab.specs.integers import read_count
from gatelab.text.tokenizers import BEGIN, UNKNOWN, Ids
from service.generation.admission import check_prompt
from service.generation.model_cache import Loaded
from service.openai.views import MOST_CHOICES, CompletionRequest

if TYPE_CHECKING:
    from gatelab.text.tokenizers import TextDecoder

_NOWHERE: Ids = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Prompt:
    """
    Attributes:
        ids: (tokens,) as the model reads them. `<bos>` may be spelled out before them, where it stands anyhow.
        unknown: the number of characters that the model does not know and reads as `<unk>`.
        text: the text to echo: the prompt as it was given, with characters that the model does not know; or the text of
            the given ids.
        places: (tokens,) the place in `text` at which each begins, if it is echoed.
    """

    ids: Ids
    unknown: int
    text: str
    places: Ids

    @property
    def begins(self) -> bool:
        """Whether `<bos>` is spelled out."""
        return len(self.ids) > 0 and int(self.ids[0]) == BEGIN

    @property
    def read(self) -> Ids:
        """The tokens after `<bos>`."""
        return self.ids[1:] if self.begins else self.ids


def named(model: str) -> tuple[str, int | CheckpointWord]:
    """The run and the step of `run`, `run@step`, `run@latest` or `run@best`; of `run` alone, as `generate` has it.

    Raises:
        NotFound: the name has another form.
    """
    run, at, step = model.partition("@")
    if not at:
        return run, "auto"
    if step == "latest":
        return run, "latest"
    if step == "best":
        return run, "best"
    number = read_count(step)
    if number is None:
        raise NotFound("model", model)
    return run, number


def prompts_of(request: CompletionRequest, loaded: Loaded, limits: Limits) -> list[Prompt]:
    """The prompts as the model reads them.

    Raises:
        InvalidRequest: too many, too long, or ids that the model does not have.
    """
    given = request.prompt
    many = [given] if isinstance(given, str) or not given or isinstance(given[0], int) else list(given)
    # More texts than an account may have open at once could never all begin.
    most = min(MOST_CHOICES, limits.generations) if request.length else MOST_CHOICES
    if len(many) * (request.n or 1) > most:
        raise InvalidRequest.at("prompt", f"at most {most} choices (prompts times n) are allowed in one request")
    for prompt in many:
        assert isinstance(prompt, Sequence)
        check_prompt(limits, len(prompt))
    return [_prompt(prompt, loaded, bool(request.echo)) for prompt in many]


def _prompt(given: object, loaded: Loaded, echo: bool) -> Prompt:
    tokenizer = loaded.tokenizer
    if isinstance(given, str):
        encoded = tokenizer.encode(given)
        places = tokenizer.places(given) if echo else _NOWHERE
        return Prompt(encoded.ids, encoded.unknown, given, places)
    ids: Ids = np.array(given, dtype=np.int64).reshape(-1)
    if len(ids) and ids.max() >= loaded.decoder.vocabulary:
        raise InvalidRequest.at("prompt", f"token ids must be below {loaded.decoder.vocabulary} (got {ids.max()})")
    text, places = placed(tokenizer.decoder(), ids, 0) if echo else ("", _NOWHERE)
    return Prompt(ids, int((ids == UNKNOWN).sum()), text, places)


def placed(decoder: "TextDecoder", ids: Ids, at: int) -> tuple[str, Ids]:
    """The text of ids that come next, and where each begins, if the text before them ends at character `at`."""
    places, texts = np.empty(len(ids), np.int64), []
    for number, token in enumerate(ids.tolist()):
        places[number], text = decoder.place(token, at)
        at += len(text)
        texts.append(text)
    return "".join(texts), places
