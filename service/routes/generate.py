"""/v1/runs/{run}/generate: text from a trained run, in one piece or as a stream."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from gatelab.errors import GatelabError
from gatelab.specs import GenerateRequest
from service.context import Service
from service.problems import details, unexpected
from service.streams import Stopping, event, stream
from service.views import Ending, Generated, Piece
from service.writing import begin, check_bias, check_length, check_prompt, collect

if TYPE_CHECKING:
    from gatelab.generation import Pieces

router = APIRouter(prefix="/v1/runs", tags=["generation"])


@router.post(
    "/{run}/generate",
    response_model=Generated,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The text, or its pieces as they come"}},
)
async def generate(
    service: Service, request: Request, run: str, body: GenerateRequest
) -> Generated | StreamingResponse:
    """Continue a prompt. A run without a checkpoint is refused (409).

    With `stream: true` every event has a piece of text; the last, named `done`, says how it ended.
    """
    check_prompt(service.settings.limits, len(body.prompt))
    check_length(service.settings.limits, body.max_tokens)
    loaded = await run_in_threadpool(service.models.get, run, body.checkpoint)
    check_bias(body, loaded)
    prompt = loaded.tokenizer.encode(body.prompt)
    pieces = await begin(service, loaded, prompt.ids, body)
    ending = {"checkpoint": loaded.step, "unknown_characters": prompt.unknown}
    if body.stream:
        return stream(_events(pieces, ending, service.stopping))
    found = await collect(request, pieces)
    return Generated(
        text="".join(piece.text for piece in found),
        tokens=sum(len(piece.ids) for piece in found),
        finish_reason=found[-1].finish_reason or "stop",
        **ending,
    )


async def _events(pieces: "Pieces", ending: dict[str, int], stopping: Stopping) -> AsyncIterator[bytes]:
    tokens = 0
    try:
        async for piece in pieces:
            tokens += len(piece.ids)
            if piece.text:
                yield event(Piece(text=piece.text))
            if piece.finish_reason:
                yield event(Ending(tokens=tokens, finish_reason=piece.finish_reason, **ending), "done")
            if stopping:
                return
    except Exception as error:  # the answer has begun: a fault can only be told inside the stream
        yield event(details(error) if isinstance(error, GatelabError) else unexpected(error), "error")
