"""Common to all routes that generate text: limits, joining the batch, and leaving it when the client has gone."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from fastapi import Request

from gatelab.errors import InvalidRequest
from gatelab.specs import Limits, Sampling
from gatelab.text.tokenizers import Ids
from service.authorization import Caller
from service.context import Context
from service.generation.model_cache import Loaded
from service.telemetry import seconds_since_arrival

if TYPE_CHECKING:
    from gatelab.generation import Piece, Pieces, Session, Text
    from gatelab.generation.decoders import Stream


SHORT_FLOPS = 5_000_000
"""Floating-point operations (half a millisecond's) that run in the event loop, since a thread would cost as much."""
SHORT_STOPS = 200
"""Characters of all stop strings, for the same reason."""
SHORT_PROMPT = 2_000
"""Characters of a prompt, for the same reason."""


def check_prompt(limits: Limits, characters: int, path: str = "prompt") -> None:
    """
    Raises:
        InvalidRequest: the prompt is longer than this installation allows.
    """
    if characters > limits.prompt_characters:
        message = f"has {characters} characters; at most {limits.prompt_characters} are allowed"
        raise InvalidRequest.at(path, message)


def check_length(limits: Limits, tokens: int) -> None:
    """
    Raises:
        InvalidRequest: more tokens were requested than this installation generates in one answer.
    """
    if tokens > limits.max_tokens:
        raise InvalidRequest.at("max_tokens", f"at most {limits.max_tokens} are allowed (got {tokens})")


def check_flops(limits: Limits, path: str, tokens: int, flops_per_token: int) -> None:
    """
    Raises:
        InvalidRequest: reading this prompt takes more operations than this installation spends on a request.
    """
    if (flops := tokens * flops_per_token) > limits.request_flops:
        most = limits.request_flops // flops_per_token
        raise InvalidRequest.at(
            path,
            f"this model needs {flops:.2g} floating-point operations for {tokens} tokens; at most"
            f" {limits.request_flops:.2g} are allowed, that is {most} tokens",
        )


def check_bias(how: Sampling, loaded: Loaded) -> None:
    """
    Raises:
        InvalidRequest: a bias for a token that the model does not have.
    """
    for token in how.logit_bias:
        if not 0 <= token < loaded.decoder.vocabulary:
            known = f"must be a token id from 0 to {loaded.decoder.vocabulary - 1}"
            raise InvalidRequest.at(f"logit_bias.{token}", known)


def is_short(loaded: Loaded, tokens: int, how: Sampling) -> bool:
    """Whether reading or writing this number of tokens takes less time than passing them to another thread."""
    return tokens * loaded.flops <= SHORT_FLOPS and sum(map(len, how.stop)) <= SHORT_STOPS


async def begin(
    request: Request,
    service: Context,
    asking: Caller,
    loaded: Loaded,
    prompt: Ids,
    how: Sampling,
    *,
    index: int = 0,
    logits: bool = False,
    whole: bool = False,
    alone: bool = True,
    session: "Session | None" = None,
) -> "Pieces":
    """Read a prompt and start generating. Closing the returned object ends the work.

    Args:
        session: the text that the prompt continues, if the new text can be continued in turn.
        whole: whether nothing is answered before its end.
        alone: whether it is the only text of its request.

    Raises:
        Overloaded: too many texts are being generated, in total or for this account.
        NotFinite: the model's numbers are not finite after the prompt.
    """
    from gatelab.generation import Text, stream_of, write

    def prepared() -> "tuple[Stream, Text]":
        stream = stream_of(loaded.decoder, prompt, how, index, session)
        return stream, Text(loaded.tokenizer, how, prompt, session)

    ended = await service.quotas.generations.take(asking.account)
    short = alone and is_short(loaded, len(prompt), how)
    try:
        # A thread reads the prompt and the stop strings, unless they are short, so that long ones delay nobody.
        stream, text = prepared() if short else await service.computations.run(request, asking.account, prepared)
        heard = service.instruments.text(seconds_since_arrival)
        batcher = service.models.batcher
        at_once = short and not logits and is_short(loaded, len(prompt) + how.max_tokens, how)
        return write(
            batcher,
            loaded.decoder,
            stream,
            text,
            logits=logits,
            whole=whole,
            at_once=at_once,
            ended=ended,
            on_tokens=heard,
        )
    except BaseException:
        ended()
        raise


async def until_gone(request: Request, pieces: "Pieces") -> "AsyncGenerator[Piece]":
    """All pieces, or those until the client has gone."""
    async for piece in pieces:
        yield piece
        if piece.finish_reason is None and await request.is_disconnected():
            pieces.close()
