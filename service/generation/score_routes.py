"""/v1/runs/{run}/score: the likelihood of texts under a trained run."""

from typing import TYPE_CHECKING

from pydantic import Field

from gatelab.errors import InvalidRequest
from gatelab.specs.base import PromptText, Spec
from gatelab.specs.generation import CheckpointName
from gatelab.text.tokenizers import Encoded
from gatelab.wire.generation import Scored, Scores
from service.computations import still_wanted
from service.computing import computing
from service.context import Service
from service.generation.admission import check_flops, check_prompt
from service.routing import Router

if TYPE_CHECKING:
    from gatelab.generation import Decoder

router = Router(prefix="/v1/runs", tags=["generation"])


class ScoreRequest(Spec):
    """The body of POST /v1/runs/{id}/score."""

    texts: tuple[PromptText, ...] = Field(
        min_length=1, max_length=1024, description="the texts; each is read from its beginning"
    )
    checkpoint: CheckpointName = Field("latest", description="a step that has a checkpoint, latest, or best")
    tokens: bool = Field(True, description="whether to answer the log-probability of every token")


@router.post("/{run}/score")
@computing
def score(service: Service, run: str, body: ScoreRequest) -> Scores:
    """Score texts. Each is read after `<bos>`, as in training; unknown characters are scored as `<unk>`."""
    limits = service.settings.limits
    for number, text in enumerate(body.texts):
        check_prompt(limits, len(text), f"texts.{number}")
    if (characters := sum(map(len, body.texts))) > limits.score_characters:
        raise InvalidRequest.at("texts", f"have {characters} characters; at most {limits.score_characters} are allowed")
    loaded = service.models.get(run, body.checkpoint)
    encoded = [loaded.tokenizer.encode(text) for text in body.texts]
    check_flops(limits, "texts", sum(len(each.ids) for each in encoded), loaded.flops)
    data = [_score(loaded.decoder, each, body.tokens) for each in encoded]
    return Scores(checkpoint=loaded.step, data=data)


def _score(decoder: "Decoder", text: Encoded, tokens: bool) -> Scored:
    from gatelab.generation import score

    found = score(decoder, text, still_wanted)
    return Scored(
        loss=found.loss,
        perplexity=found.perplexity,
        bits_per_character=found.bits_per_character,
        characters=found.characters,
        tokens=len(text.ids),
        unknown_characters=text.unknown,
        log_probabilities=found.log_probabilities.tolist() if tokens else None,
    )
