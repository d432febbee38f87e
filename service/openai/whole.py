"""The answer in one piece."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatelab.text.tokenizers import Ids
from service.openai.completing import Completing
from service.openai.logprobs import joined, of_pieces, of_prompt
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


def _choice(completing: Completing, number: int, prompt: Ids, pieces: "list[Piece]") -> Choice:
    body, tokenizer = completing.body, completing.loaded.tokenizer
    text = "".join(piece.text for piece in pieces)
    echoed = tokenizer.decode(prompt) if body.echo else ""
    logprobs = None
    if body.logprobs is not None:
        logprobs = of_pieces(completing, pieces, len(echoed))
        if body.echo:
            read = of_prompt(completing, prompt)
            logprobs = joined(read, logprobs) if logprobs else read
    reason = pieces[-1].finish_reason if pieces else "length"
    return Choice(index=number, text=echoed + text, logprobs=logprobs, finish_reason=reason)
