"""/v1/completions and /v1/models, as OpenAI has them."""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from fastapi import Request, Response

from gatelab.errors import InvalidRequest
from gatelab.specs import Sampling
from gatelab.wire.completions import Completion
from service.authorization import Asking, Caller, while_good
from service.context import Context, Service
from service.generation.admission import (
    begin,
    check_bias,
    check_flops,
    check_length,
)
from service.openai.completion import collect, whole
from service.openai.errors import RESPONSES, OpenAIRoute
from service.openai.prompts import named, prompts_of
from service.openai.requests import Completing
from service.openai.streaming import events
from service.openai.views import (
    CompletionRequest,
    Model,
    ModelList,
)
from service.routing import Router
from service.streams import stream

if TYPE_CHECKING:
    from gatelab.generation import Pieces
    from service.generation.model_cache import Loaded

router = Router(prefix="/v1", tags=["OpenAI"], route_class=OpenAIRoute, responses=RESPONSES)


@router.get("/models")
def models(service: Service, asking: Asking) -> ModelList:
    """List the account's runs that have a checkpoint."""
    found = service.store.checkpoints.runs(asking.account)
    return ModelList(data=[Model(id=run, created=int(made)) for run, made in found])


@router.get("/models/{model}")
def model(service: Service, asking: Asking, model: str) -> Model:
    """Get a run as a model, or one of its checkpoints: `run@step`."""
    service.store.accounts.require(asking.account, "run", named(model)[0])
    found = service.store.checkpoints.find(*named(model))
    return Model(id=model, created=int(found.created_at))


@router.post(
    "/completions",
    response_model=Completion,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The texts, or their pieces as they come"}},
)
async def completions(service: Service, asking: Asking, request: Request, body: CompletionRequest) -> Response:
    """Continue prompts. `logprobs` are of the model's own distribution, before temperature and filters."""
    check_length(service.settings.limits, body.length)
    read = partial(_read, service, asking.account, body, body.sampling())
    completing = await service.computations.run(request, asking.account, read)
    writings = await _begin_all(request, service, asking, completing) if body.length else []
    if body.stream:
        return stream(while_good(service, asking, events(completing, writings)))
    written = zip(completing.choices, writings, strict=True) if writings else ()
    found = await asyncio.gather(*(collect(request, completing, prompt, pieces) for (_, prompt), pieces in written))
    return await service.computations.run(request, asking.account, partial(whole, completing, found))


def _read(service: Context, account: str, body: CompletionRequest, how: Sampling) -> Completing:
    loaded, limits = _load(service, account, body.model), service.settings.limits
    check_bias(how, loaded)
    prompts = prompts_of(body, loaded, limits)
    completing = Completing(body, loaded, prompts, f"cmpl-{uuid4().hex}", int(time.time()))
    check_length(limits, len(completing.choices) * body.length)
    check_flops(limits, "prompt", completing.most_tokens, loaded.flops)
    if (values := completing.most_logprobs) > limits.logprob_values:
        raise InvalidRequest.at(
            "logprobs",
            f"{values} log-probabilities are too many; at most {limits.logprob_values} are allowed: send fewer or"
            " shorter prompts, or ask for fewer tokens",
        )
    return completing


def _load(service: Context, account: str, model: str) -> "Loaded":
    run, step = named(model)
    service.store.accounts.require(account, "run", run)
    return service.models.get(run, step)


async def _begin_all(request: Request, service: Context, asking: Caller, completing: Completing) -> "list[Pieces]":
    how, logits = completing.body.sampling(), completing.body.logprobs is not None
    whole, alone = not completing.body.stream, len(completing.choices) == 1
    begin_one = partial(begin, request, service, asking, completing.loaded, logits=logits, whole=whole, alone=alone)
    begun: list[Pieces] = []
    try:
        for place, prompt in completing.choices:
            begun.append(await begin_one(prompt.read, how, index=place))
    except Exception:
        for pieces in begun:
            pieces.close()
        raise
    return begun
