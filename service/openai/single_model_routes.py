"""/v1/runs/{run}/openai: a run as a server of its own, as programs expect one that serve and tokenise a single model.

Evaluation programs (lm-evaluation-harness: `local-completions`) take the address of `v1/completions` and look beside it
for the tokenizer: `tokenizer_info`, `tokenize` and `detokenize`, by the names and shapes of vLLM's server.
"""

from typing import TYPE_CHECKING

from fastapi import Request, Response
from pydantic import BaseModel, Field

from gatelab.errors import InvalidRequest, NotFound
from gatelab.specs.base import PromptText, Spec
from gatelab.text.tokenizers import BEGIN, SPECIAL_NAMES
from gatelab.wire.completions import Completion
from service.authorization import Asking
from service.computing import computing
from service.context import Context, Service
from service.generation.admission import check_prompt
from service.openai.errors import RESPONSES, OpenAIRoute
from service.openai.prompts import named
from service.openai.routes import completions, model
from service.openai.views import CompletionRequest, ModelList, ModelName, Tokens
from service.openai.views import Model as ListedModel
from service.routing import Router

if TYPE_CHECKING:
    from service.generation.model_cache import Loaded

router = Router(prefix="/v1/runs/{run}/openai", tags=["OpenAI"], route_class=OpenAIRoute, responses=RESPONSES)


class TokenizeRequest(Spec):
    model: ModelName | None = None
    prompt: PromptText
    add_special_tokens: bool = Field(True, description="whether `<bos>` is put before the text")


class Tokenized(BaseModel):
    count: int
    max_model_len: int
    tokens: list[int]


class DetokenizeRequest(Spec):
    model: ModelName | None = None
    tokens: Tokens


class Detokenized(BaseModel):
    prompt: str


class TokenizerInfo(BaseModel):
    """A text has no end for these models: there is no `<eos>`."""

    tokenizer_class: str
    bos_token: str = SPECIAL_NAMES[BEGIN]
    eos_token: None = None
    pad_token: None = None
    unk_token: str = SPECIAL_NAMES[0]


@router.get("/v1/models")
def models(service: Service, asking: Asking, run: str) -> ModelList:
    """List the run as the only model."""
    return ModelList(data=[model(service, asking, run)])


@router.get("/v1/models/{model_name}")
def only_model(service: Service, asking: Asking, run: str, model_name: str) -> ListedModel:
    """Get the run as a model, or one of its checkpoints: `run@step`."""
    _check(run, model_name)
    return model(service, asking, model_name)


@router.post("/v1/completions", response_model=Completion)
async def completions_of_run(
    service: Service, asking: Asking, request: Request, run: str, body: CompletionRequest
) -> Response:
    """Continue prompts like `/v1/completions`; `model` is the run or one of its checkpoints, `run@step`."""
    _check(run, body.model)
    return await completions(service, asking, request, body)


@router.get("/tokenizer_info")
@computing
def tokenizer_info(service: Service, run: str) -> TokenizerInfo:
    """Get the kind of tokenizer that the run uses."""
    return TokenizerInfo(tokenizer_class=type(_loaded(service, run, None).tokenizer).__name__)


@router.post("/tokenize")
@computing
def tokenize(service: Service, run: str, body: TokenizeRequest) -> Tokenized:
    """Convert a text to token ids. A text that is the name of a special token becomes that token."""
    limit = service.settings.limits.prompt_characters
    check_prompt(service.settings.limits, len(body.prompt))
    loaded = _loaded(service, run, body.model)
    if body.prompt in SPECIAL_NAMES:
        ids = [SPECIAL_NAMES.index(body.prompt)]
    else:
        ids = [*([BEGIN] if body.add_special_tokens else []), *loaded.tokenizer.encode(body.prompt).ids.tolist()]
    return Tokenized(count=len(ids), max_model_len=limit, tokens=ids)


@router.post("/detokenize")
@computing
def detokenize(service: Service, run: str, body: DetokenizeRequest) -> Detokenized:
    """Convert token ids to text. Special tokens are left out."""
    loaded = _loaded(service, run, body.model)
    if body.tokens and max(body.tokens) >= loaded.decoder.vocabulary:
        raise InvalidRequest.at("tokens", f"token ids must be below {loaded.decoder.vocabulary}")
    return Detokenized(prompt=loaded.tokenizer.decode(list(body.tokens)))


def _check(run: str, name: str) -> None:
    """
    Raises:
        NotFound: the model is of another run.
    """
    if named(name)[0] != run:
        raise NotFound("model", name)


def _loaded(service: Context, run: str, name: str | None) -> "Loaded":
    _check(run, name or run)
    return service.models.get(*named(name or run))
