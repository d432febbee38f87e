"""The answer in one piece."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from service.openai.completing import Completing
from service.openai.logprobs import joined, of_pieces, of_prompt
from service.openai.prompts import Prompt
from service.openai.shapes import Choice, Completion

if TYPE_CHECKING:
    from gatelab.generation import Piece


def whole(completing: Completing, found: "Sequence[list[Piece]]") -> Completion:
    found = found or [[] for _ in completing.choices]
    choices = [
        _choice(completing, number, prompt, pieces)
        for number, ((_, prompt), pieces) in enumerate(zip(completing.choices, found, strict=True))
    ]
    written = sum(len(piece.ids) for pieces in found for piece in pieces)
    return completing.answer(choices, completing.usage(written))


def _choice(completing: Completing, number: int, prompt: Prompt, pieces: "list[Piece]") -> Choice:
    body = completing.body
    text = (prompt.text if body.echo else "") + "".join(piece.text for piece in pieces)
    logprobs = None
    if body.logprobs is not None:
        logprobs = of_pieces(completing, prompt, pieces)
        if body.echo:
            read = of_prompt(completing, prompt)
            logprobs = joined([read, logprobs]) if logprobs else read
    reason = pieces[-1].finish_reason if pieces else "length"
    return Choice(index=number, text=text, logprobs=logprobs, finish_reason=reason)
