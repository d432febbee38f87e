"""/v1/runs/{run}/score: how likely a trained run finds texts."""

from typing import TYPE_CHECKING

from pydantic import Field

from gatelab.specs.base import Spec, Text
from gatelab.specs.generation import CheckpointName
from service.bodies import Router
from service.context import Service
from service.views import View
from service.writing import check_prompt

if TYPE_CHECKING:
    from gatelab.generation import Decoder
    from gatelab.text import Tokenizer

router = Router(prefix="/v1/runs", tags=["generation"])


class ScoreRequest(Spec):
    """The body of POST /v1/runs/{id}/score."""

    texts: tuple[Text, ...] = Field(min_length=1, max_length=1024, description="each is judged from its beginning")
    checkpoint: CheckpointName = Field("latest", description="a step that has a checkpoint, latest, or best")
    tokens: bool = Field(True, description="whether the log-probability of every token is answered")


class Scored(View):
    """Of one text. `log_probabilities` are in nats, one a token; `loss` is their negative mean."""

    loss: float
    perplexity: float | None
    bits_per_character: float
    characters: int
    tokens: int
    unknown_characters: int
    log_probabilities: list[float] | None


class Scores(View):
    checkpoint: int
    data: list[Scored]


@router.post("/{run}/score")
def score(service: Service, run: str, body: ScoreRequest) -> Scores:
    """Judge texts. `<bos>` stands before the first character, as in training; what is unknown is judged as `<unk>`."""
    for number, text in enumerate(body.texts):
        check_prompt(service.settings.limits, len(text), f"texts.{number}")
    loaded = service.models.get(run, body.checkpoint)
    data = [_score(loaded.decoder, loaded.tokenizer, text, body.tokens) for text in body.texts]
    return Scores(checkpoint=loaded.step, data=data)


def _score(decoder: "Decoder", tokenizer: "Tokenizer", text: str, tokens: bool) -> Scored:
    from gatelab.generation import score

    encoded = tokenizer.encode(text)
    found = score(decoder, encoded)
    return Scored(
        loss=found.loss,
        perplexity=found.perplexity,
        bits_per_character=found.bits_per_character,
        characters=found.characters,
        tokens=len(encoded.ids),
        unknown_characters=encoded.unknown,
        log_probabilities=found.log_probabilities.tolist() if tokens else None,
    )
