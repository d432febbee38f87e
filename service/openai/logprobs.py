"""Log-probabilities of tokens: of the model's own distribution, before temperature and filters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatelab.text.tokenizers import BEGIN, SPECIAL_NAMES, Ids
from gatelab.wire.completions import Logprobs
from service.computations import still_wanted
from service.openai.prompts import Prompt, placed
from service.openai.requests import Completing

if TYPE_CHECKING:
    from gatelab.generation import Piece
    from gatelab.generation.decoders.base import Floats

BEGINNING = Logprobs(tokens=[SPECIAL_NAMES[BEGIN]], token_logprobs=[None], top_logprobs=[None], text_offset=[0])


class Told:
    """The log-probabilities of what is written in a choice, by pieces. A token is listed when its text is shown."""

    def __init__(self, completing: Completing, prompt: Prompt) -> None:
        self._completing = completing
        tokenizer = completing.loaded.tokenizer
        self._decoder = tokenizer.decoder(tokenizer.begun(prompt.ids))
        self._shown = self._end = len(prompt.text) if completing.body.echo else 0
        self._ids, self._places = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._logits: Floats = np.zeros((0, completing.loaded.decoder.vocabulary), np.float32)

    def add(self, piece: "Piece") -> Logprobs | None:
        """The log-probabilities of the tokens that can be listed with this piece; None if there are none."""
        assert piece.logits is not None, "asked for"
        text, places = placed(self._decoder, piece.ids, self._end)
        self._end += len(text)
        self._shown += len(piece.text)
        self._ids = np.concatenate([self._ids, piece.ids])
        self._places = np.concatenate([self._places, places])
        self._logits = np.concatenate([self._logits, piece.logits])
        # What is held back may be of a stop string, behind the text's end. If a text that is long
        # enough ends in half a character, its tokens are listed.
        told = len(self._ids)
        if piece.finish_reason != "length":
            told = int(np.searchsorted(self._places, self._shown))
        found = _of_tokens(self._completing, self._ids[:told], self._logits[:told], self._places[:told])
        self._ids, self._places, self._logits = self._ids[told:], self._places[told:], self._logits[told:]
        return found if told else None


def of_written(completing: Completing, parts: Sequence[Logprobs]) -> Logprobs:
    """The log-probabilities of a whole text after a prompt, from those of its pieces."""
    return joined([_nothing(completing), *parts])


def of_prompt(completing: Completing, prompt: Prompt) -> Logprobs:
    """The log-probabilities of a prompt's tokens, each after those before it. `<bos>` precedes them and has none."""
    from gatelab.generation.scoring import pieces_of

    ids, decoder = prompt.read, completing.loaded.decoder
    places, state = prompt.places[len(prompt.ids) - len(ids) :], decoder.initial_state()
    before = np.concatenate([[BEGIN], ids[:-1]]).astype(np.int64)
    found = [BEGINNING] if prompt.begins else [_nothing(completing)]
    for piece in pieces_of(ids, decoder):
        still_wanted()
        logits, state = decoder.predict(before[piece], state)
        found.append(_of_tokens(completing, ids[piece], logits, places[piece]))
    return joined(found)


def _of_tokens(completing: Completing, ids: Ids, logits: "Floats", places: Ids) -> Logprobs:
    """The log-probabilities of tokens chosen from `logits` (tokens, vocabulary), which begin at `places`."""
    from gatelab.network import log_probabilities

    known, top = log_probabilities(logits), completing.body.logprobs or 0
    likeliest = np.argsort(-known, axis=1, kind="stable")[:, :top]
    names = {token: completing.loaded.tokenizer.name(token) for token in np.union1d(likeliest, ids).tolist()}
    name = names.__getitem__
    best: list[dict[str, float] | None] = [
        dict(zip(map(name, tokens), values, strict=True))
        for tokens, values in zip(
            likeliest.tolist(), np.take_along_axis(known, likeliest, axis=1).tolist(), strict=True
        )
    ]
    # Not validated: there may be hundreds of thousands of numbers, and the event loop would wait.
    return Logprobs.model_construct(
        tokens=list(map(name, ids.tolist())),
        token_logprobs=known[np.arange(len(ids)), ids].tolist(),
        top_logprobs=best if top else None,
        text_offset=places.tolist(),
    )


def _nothing(completing: Completing) -> Logprobs:
    return Logprobs(tokens=[], token_logprobs=[], top_logprobs=[] if completing.body.logprobs else None, text_offset=[])


def joined(parts: Sequence[Logprobs]) -> Logprobs:
    """The joined parts. If any part has no `top_logprobs`, the result has none."""
    tops = [part.top_logprobs for part in parts if part.top_logprobs is not None]
    return Logprobs.model_construct(
        tokens=[token for part in parts for token in part.tokens],
        token_logprobs=[value for part in parts for value in part.token_logprobs],
        top_logprobs=[top for of_part in tops for top in of_part] if len(tops) == len(parts) else None,
        text_offset=[offset for part in parts for offset in part.text_offset],
    )
