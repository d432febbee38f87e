"""Log-probabilities of tokens: of the model's own distribution, before temperature and filters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatelab.text.tokenizers import BEGIN, Ids
from service.openai.completing import Completing
from service.openai.prompts import SPECIAL_NAMES, begins, token_text
from service.openai.shapes import Logprobs

if TYPE_CHECKING:
    from gatelab.generation import Piece
    from gatelab.generation.decoders.base import Floats
    from gatelab.text import Tokenizer

BEGINNING = Logprobs(tokens=[SPECIAL_NAMES[BEGIN]], token_logprobs=[None], top_logprobs=[None], text_offset=[0])


def of_pieces(completing: Completing, pieces: "Sequence[Piece]", offset: int) -> Logprobs | None:
    """Of what was written, which begins at character `offset`; None where nothing was."""
    known = [(piece.ids, piece.logits) for piece in pieces if piece.logits is not None and len(piece.ids)]
    if not known:
        return None
    ids, logits = (np.concatenate(parts) for parts in zip(*known, strict=True))
    return _of_tokens(completing.loaded.tokenizer, ids, logits, completing.body.logprobs or 0, offset)


def of_prompt(completing: Completing, prompt: Ids) -> Logprobs:
    """Of the tokens of a prompt, each after those before it; `<bos>` stands before the first. None is of `<bos>`."""
    if begins(prompt):
        return joined(BEGINNING, of_prompt(completing, prompt[1:]))
    decoder = completing.loaded.decoder
    logits = np.empty((0, decoder.vocabulary), np.float32)
    if len(prompt):
        before = np.concatenate([[BEGIN], prompt[:-1]]).astype(np.int64)
        logits, _ = decoder.predict(before, decoder.initial_state())
    return _of_tokens(completing.loaded.tokenizer, prompt, logits, completing.body.logprobs or 0, 0)


def _of_tokens(tokenizer: "Tokenizer", ids: Ids, logits: "Floats", top: int, offset: int) -> Logprobs:
    """Of tokens chosen from `logits` (tokens, vocabulary), the first of which begins at character `offset`."""
    from gatelab.generation import log_probabilities

    known = log_probabilities(logits)
    names = [token_text(tokenizer, token) for token in ids.tolist()]
    likeliest = np.argsort(-known, axis=1, kind="stable")[:, :top]
    best = [
        {token_text(tokenizer, token): float(row[token]) for token in order}
        for row, order in zip(known, likeliest.tolist(), strict=True)
    ]
    lengths = [len(tokenizer.decode([token])) for token in ids.tolist()]
    starts = np.concatenate([[0], np.cumsum(lengths)])[: len(ids)] + offset
    return Logprobs(
        tokens=names,
        token_logprobs=[float(row[token]) for row, token in zip(known, ids, strict=True)],
        top_logprobs=best if top else None,
        text_offset=starts.astype(int).tolist(),
    )


def joined(first: Logprobs, second: Logprobs) -> Logprobs:
    """Where either has no `top_logprobs`, there are none."""
    tops = None
    if first.top_logprobs is not None and second.top_logprobs is not None:
        tops = first.top_logprobs + second.top_logprobs
    return Logprobs(
        tokens=first.tokens + second.tokens,
        token_logprobs=first.token_logprobs + second.token_logprobs,
        top_logprobs=tops,
        text_offset=first.text_offset + second.text_offset,
    )
