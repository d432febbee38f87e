"""/v1/runs/{run}/generate: text from a trained run, in one piece or as a stream."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from gatelab.errors import GatelabError, InvalidRequest
from gatelab.specs import GenerateRequest, Limits
from service.context import Service
from service.models import Loaded
from service.problems import details, unexpected
from service.streams import Stopping, event, stream
from service.views import Ending, Generated, Piece

if TYPE_CHECKING:
    from gatelab.generation import Token

router = APIRouter(prefix="/v1/runs", tags=["generation"])


@router.post(
    "/{run}/generate",
    response_model=Generated,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The text, or its pieces as they come"}},
)
def generate(service: Service, run: str, body: GenerateRequest) -> Generated | StreamingResponse:
    """Continue a prompt. A run without a checkpoint is refused (409).

    With `stream: true` every event has a piece of text; the last, named `done`, says how it ended.
    """
    check_limits(service.settings.limits, body)
    loaded = service.models.get(run, body.checkpoint)
    if body.stream:
        return stream(_pieces(loaded, body, service.stopping))
    tokens = list(_tokens(loaded, body))
    return Generated(text="".join(token.text for token in tokens), **_ending(loaded, body, tokens[-1], len(tokens)))


def check_limits(limits: Limits, body: GenerateRequest) -> None:
    """
    Raises:
        InvalidRequest: the prompt or the answer would be longer than this installation allows.
    """
    if len(body.prompt) > limits.prompt_characters:
        message = f"has {len(body.prompt)} characters; at most {limits.prompt_characters} are allowed"
        raise InvalidRequest.at("prompt", message)
    if body.max_tokens > limits.max_tokens:
        raise InvalidRequest.at("max_tokens", f"at most {limits.max_tokens} are allowed (got {body.max_tokens})")


def _tokens(loaded: Loaded, body: GenerateRequest) -> "Iterator[Token]":
    from gatelab.generation import generate

    return generate(loaded.model, loaded.tokenizer, body.prompt, body)


def _pieces(loaded: Loaded, body: GenerateRequest, stopping: Stopping) -> Iterator[bytes]:
    try:
        for count, token in enumerate(_tokens(loaded, body), start=1):
            if token.text:
                yield event(Piece(text=token.text))
            if token.finish_reason:
                yield event(Ending(**_ending(loaded, body, token, count)), "done")
            if stopping:
                return
    except Exception as error:  # the answer has begun: a fault can only be told inside the stream
        yield event(details(error) if isinstance(error, GatelabError) else unexpected(error), "error")


def _ending(loaded: Loaded, body: GenerateRequest, last: "Token", count: int) -> dict[str, object]:
    return {
        "tokens": count,
        "finish_reason": last.finish_reason,
        "checkpoint": loaded.step,
        "unknown_characters": loaded.tokenizer.encode(body.prompt).unknown,
    }
