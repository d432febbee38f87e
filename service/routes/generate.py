"""/v1/runs/{run}/generate: text from a trained run, in one piece or as a stream; and states that lie between two."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from gatelab.errors import GatelabError, InvalidState
from gatelab.specs import GenerateRequest
from gatelab.specs.base import Spec, Text
from gatelab.text.tokenizers import Encoded
from service.bodies import Router
from service.callers import Asking
from service.context import Context, Service
from service.models import Loaded
from service.problems import details, unexpected
from service.streams import event, stream
from service.views import Ending, Generated, Piece, View
from service.writing import begin, check_bias, check_length, check_prompt, collect

if TYPE_CHECKING:
    from gatelab.generation import Piece as Written
    from gatelab.generation import Pieces, Session

router = Router(prefix="/v1/runs", tags=["generation"])


class Mix(Spec):
    """The body of POST /v1/runs/{id}/states/mix."""

    state: Text
    other: Text
    share: float = Field(0.5, ge=0, le=1, description="how far on the way from the one to the other")


class State(View):
    state: str


@dataclass(frozen=True)
class Generating:
    """A request on its way, from `session` if a state is wanted."""

    service: Context
    loaded: Loaded
    prompt: Encoded
    session: "Session | None"

    async def ending(self, pieces: "Iterable[Written]") -> Ending:
        pieces = list(pieces)
        return Ending(
            tokens=sum(len(piece.ids) for piece in pieces),
            finish_reason=pieces[-1].finish_reason or "stop",
            checkpoint=self.loaded.step,
            unknown_characters=self.prompt.unknown,
            state=await run_in_threadpool(self._state, pieces),
        )

    def _state(self, pieces: "list[Written]") -> str | None:
        """Read once more, in one scan: the batch may have written beyond a stop string."""
        if self.session is None:
            return None
        text = np.concatenate([self.prompt.ids, *(piece.ids for piece in pieces)])
        return self.service.sessions.sealer.seal(self.session.after(self.loaded.decoder, text))


@router.post(
    "/{run}/generate",
    response_model=Generated,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The text, or its pieces as they come"}},
)
async def generate(
    service: Service, asking: Asking, request: Request, run: str, body: GenerateRequest
) -> Generated | StreamingResponse:
    """Continue a prompt. A run without a checkpoint is refused (409).

    With `stream: true` every event has a piece of text; the last, named `done`, says how it ended.
    """
    check_prompt(service.settings.limits, len(body.prompt))
    check_length(service.settings.limits, body.max_tokens)
    loaded, session = await run_in_threadpool(_load, service, run, body)
    check_bias(body, loaded)
    generating = Generating(service, loaded, loaded.tokenizer.encode(body.prompt), session)
    pieces = await begin(service, asking, loaded, generating.prompt.ids, body, session=session)
    if body.stream:
        return stream(_events(pieces, generating))
    found = await collect(request, pieces)
    ending = await generating.ending(found)
    return Generated(text="".join(piece.text for piece in found), **ending.model_dump())


@router.post("/{run}/states/mix")
def mix(service: Service, run: str, body: Mix) -> State:
    """The state that lies between two of the same checkpoint. What it goes on with is the first one's last token."""
    first, second = (
        service.sessions.resume(token, run, path) for token, path in ((body.state, "state"), (body.other, "other"))
    )
    return State(state=service.sessions.sealer.seal(first.mixed(second, body.share)))


def _load(service: Context, run: str, body: GenerateRequest) -> "tuple[Loaded, Session | None]":
    """The checkpoint that is asked for, or that of the state; and where to go on, if a state is wanted."""
    from gatelab.generation import Session

    if not isinstance(body.state, str):
        loaded = service.models.get(run, body.checkpoint)
        return loaded, Session.begin(loaded.decoder, run, loaded.step) if body.state else None
    session = service.sessions.resume(body.state, run)
    if body.checkpoint not in ("latest", session.step):
        raise InvalidState.at("state", f"is of the checkpoint of step {session.step}")
    loaded = service.models.get(run, session.step)
    if not session.fits(loaded.decoder):
        raise InvalidState.at("state", "is of a model of another shape")
    return loaded, session


async def _events(pieces: "Pieces", generating: Generating) -> AsyncIterator[bytes]:
    found = []
    try:
        async for piece in pieces:
            found.append(piece)
            if piece.text:
                yield event(Piece(text=piece.text))
            if piece.finish_reason:
                yield event(await generating.ending(found), "done")
            if generating.service.stopping:
                return
    except Exception as error:  # the answer has begun: a fault can only be told inside the stream
        yield event(details(error) if isinstance(error, GatelabError) else unexpected(error), "error")
