"""/v1/runs/{run}/generate: text from a trained run, in one piece or as a stream; and states that lie between two."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from gatelab.errors import GatelabError, InvalidState
from gatelab.specs import GenerateRequest
from gatelab.specs.base import Spec, Text
from gatelab.text.tokenizers import Encoded
from gatelab.wire.generation import Ending, Generated, MixedState, Piece
from service.authorization import Asking, Caller, while_good
from service.context import Context, Service
from service.generation.admission import (
    SHORT_PROMPT,
    begin,
    check_bias,
    check_flops,
    check_length,
    check_prompt,
    until_gone,
)
from service.generation.model_cache import Loaded
from service.json_answers import said
from service.problems import details, unexpected
from service.routing import Router
from service.streams import event, stream

if TYPE_CHECKING:
    from gatelab.generation import Piece as Written
    from gatelab.generation import Pieces, Session

router = Router(prefix="/v1/runs", tags=["generation"])

AnyEnding = TypeVar("AnyEnding", bound=Ending)


class Mix(Spec):
    """The body of POST /v1/runs/{id}/states/mix."""

    state: Text
    other: Text
    share: float = Field(
        0.5, ge=0, le=1, description="how far the mixture lies from the first state (0) to the second (1)"
    )


@dataclass(frozen=True)
class Generating:
    """A request on its way."""

    service: Context
    loaded: Loaded
    prompt: Encoded
    pieces: "Pieces"

    async def answer(self, kind: type[AnyEnding], found: "Sequence[Written]", **more: str) -> AnyEnding:
        """How the text ended, as an answer of this kind with these other fields.

        Raises:
            NotFinite: the state after the text is not.
        """
        session = None
        if self.pieces.text.session is not None:
            session = await run_in_threadpool(self.pieces.session)
        return kind(
            **more,
            tokens=sum(len(piece.ids) for piece in found),
            finish_reason=found[-1].finish_reason or "stop",
            checkpoint=self.loaded.step,
            unknown_characters=self.prompt.unknown,
            state=session and self.service.sessions.sealer.seal(session),
            held=session.undecided.held if session else "",
        )


@router.post(
    "/{run}/generate",
    response_model=Generated,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The text, or its pieces as they come"}},
)
async def generate(service: Service, asking: Asking, request: Request, run: str, body: GenerateRequest) -> Response:
    """Continue a prompt. A run without a checkpoint is refused (409), and so is a model whose numbers are not finite.

    With `stream: true` every event has a piece of text; the last, named `done`, says how it ended.

    A `state` holds all that a text needs to continue: parts that ask alike, each from the state of the part before,
    write together what one request for all their tokens would have written. So a seeded text continues with the
    seed's random numbers where the part before ended, `repetition_penalty` falls on the tokens of all parts, a
    character whose bytes come in two parts is shown by the second, and a stop string is found that begins in one part
    and ends in the next.
    What may be the beginning of one is in `held`, not in `text`: the next part begins with it, unless it ends there.
    A `prompt` ends what is held: neither part's `text` has it then.
    """
    check_prompt(service.settings.limits, len(body.prompt))
    check_length(service.settings.limits, body.max_tokens)
    loaded, session, prompt = await _ready(service, request, asking, run, body)
    whole = not body.stream
    pieces = await begin(request, service, asking, loaded, prompt.ids, body, whole=whole, session=session)
    generating = Generating(service, loaded, prompt, pieces)
    if body.stream:
        return stream(while_good(service, asking, _events(generating)))
    found = [piece async for piece in until_gone(request, pieces)]
    return said(await generating.answer(Generated, found, text="".join(piece.text for piece in found)))


@router.post("/{run}/states/mix")
def mix(service: Service, run: str, body: Mix) -> MixedState:
    """Mix two states of the same checkpoint. A text from the mixture continues after the last token of the first."""
    first, second = (
        service.sessions.resume(token, run, path) for token, path in ((body.state, "state"), (body.other, "other"))
    )
    return MixedState(state=service.sessions.sealer.seal(first.mixed(second, body.share)))


async def _ready(
    service: Context, request: Request, asking: Caller, run: str, body: GenerateRequest
) -> "tuple[Loaded, Session | None, Encoded]":
    """The inputs for generation. A thread reads long prompts and states, and loads the model if it is not in memory."""
    if not isinstance(body.state, str) and len(body.prompt) <= SHORT_PROMPT:
        info = await service.checkpoints.find(run, body.checkpoint)
        if loaded := service.models.kept(run, info):
            return loaded, _begun(loaded, run, body), _prompt(service, loaded, body)
    return await service.computations.run(request, asking.account, partial(_read, service, run, body))


def _read(service: Context, run: str, body: GenerateRequest) -> "tuple[Loaded, Session | None, Encoded]":
    loaded, session = _load(service, run, body)
    return loaded, session, _prompt(service, loaded, body)


def _prompt(service: Context, loaded: Loaded, body: GenerateRequest) -> Encoded:
    check_bias(body, loaded)
    prompt = loaded.tokenizer.encode(body.prompt)
    check_flops(service.settings.limits, "prompt", len(prompt.ids) + body.max_tokens, loaded.flops)
    return prompt


def _begun(loaded: Loaded, run: str, body: GenerateRequest) -> "Session | None":
    """The session of a text that begins here, if a state was requested."""
    from gatelab.generation import Session

    return Session.begin(loaded.decoder, run, loaded.step) if body.state else None


def _load(service: Context, run: str, body: GenerateRequest) -> "tuple[Loaded, Session | None]":
    """The requested checkpoint, or that of the state; and the session to continue, if a state was requested."""
    if not isinstance(body.state, str):
        loaded = service.models.get(run, body.checkpoint)
        return loaded, _begun(loaded, run, body)
    session = service.sessions.resume(body.state, run)
    if body.checkpoint not in ("auto", "latest", session.step):
        raise InvalidState.at("state", f"belongs to the checkpoint of step {session.step}")
    loaded = service.models.get(run, session.step)
    if not session.fits(loaded.decoder):
        raise InvalidState.at("state", "belongs to a model of another shape")
    return loaded, session


async def _events(generating: Generating) -> AsyncGenerator[bytes]:
    found = []
    try:
        async for piece in generating.pieces:
            found.append(piece)
            news = event(Piece(text=piece.text)) if piece.text else b""
            if piece.finish_reason:
                news += await _last(generating, found)
            if news:
                yield news
            if generating.service.stopping:
                return
    except Exception as error:  # the answer has begun: a fault can only be reported inside the stream
        yield _fault(error)


async def _last(generating: Generating, found: "list[Written]") -> bytes:
    """How the text ended. A fault here does not take away the piece that is sent with it."""
    try:
        return event(await generating.answer(Ending, found), "done")
    except Exception as error:
        return _fault(error)


def _fault(error: Exception) -> bytes:
    return event(details(error) if isinstance(error, GatelabError) else unexpected(error), "error")
