"""The answer in one piece."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi import Request, Response

from gatelab.wire.completions import Choice, Logprobs
from service.computations import still_wanted
from service.generation.admission import until_gone
from service.json_answers import said_in_pieces
from service.large_answers import in_pieces
from service.openai.logprobs import Told, joined, of_prompt, of_written
from service.openai.prompts import Prompt
from service.openai.requests import Completing

if TYPE_CHECKING:
    from gatelab.generation import Pieces


@dataclass
class Written:
    """The text after a prompt. Its logits (one per token of the vocabulary, at each step) are not kept."""

    texts: list[str] = field(default_factory=list)
    logprobs: list[Logprobs] = field(default_factory=list)
    tokens: int = 0
    finish_reason: Literal["stop", "length"] | None = None


async def collect(request: Request, completing: Completing, prompt: Prompt, pieces: "Pieces") -> Written:
    """The whole text, or the part written until the client left."""
    found, told = Written(), None if completing.body.logprobs is None else Told(completing, prompt)
    async for piece in until_gone(request, pieces):
        found.texts.append(piece.text)
        found.tokens += len(piece.ids)
        found.finish_reason = piece.finish_reason
        if told is not None and (part := told.add(piece)) is not None:
            found.logprobs.append(part)
    return found


def whole(completing: Completing, found: Sequence[Written]) -> Response:
    """The answer, a `Completion`. `found` is empty if no text was requested."""
    of_choices: Sequence[Written | None] = found or [None] * len(completing.choices)
    choices = [
        _choice(completing, number, prompt, written)
        for number, ((_, prompt), written) in enumerate(zip(completing.choices, of_choices, strict=True))
    ]
    answer = completing.answer(choices, completing.usage(sum(written.tokens for written in found)))
    return in_pieces(said_in_pieces(answer, still_wanted))


def _choice(completing: Completing, number: int, prompt: Prompt, written: Written | None) -> Choice:
    body = completing.body
    text = prompt.text if body.echo else ""
    parts = []
    if body.logprobs is not None and body.echo:
        parts.append(of_prompt(completing, prompt))
    if body.logprobs is not None and written is not None:
        parts.append(of_written(completing, written.logprobs))
    if written is not None:
        text += "".join(written.texts)
    reason = "length" if written is None else written.finish_reason
    return Choice(index=number, text=text, logprobs=joined(parts) if parts else None, finish_reason=reason)
