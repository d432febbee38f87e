"""Text from trained runs, and the likelihoods that they give to texts."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypedDict, Unpack

from gatelab.client.calls.base import Calls, path_of
from gatelab.client.errors import ApiError, ConnectionFailed
from gatelab.client.models import Completion, Generation, Logprobs, MixedState, Score, Scores
from gatelab.client.transport import read_data

if TYPE_CHECKING:
    from gatelab.specs.generation import CheckpointWord


class SamplingOptions(TypedDict, total=False):
    """How to generate text; the service chooses the defaults. See `gatelab.specs.GenerateRequest`."""

    max_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float
    logit_bias: dict[int, float]
    stop: str | list[str]
    seed: int | None
    checkpoint: int | CheckpointWord
    state: bool | str


class GenerationCalls(Calls):
    """The methods of `gatelab.Gatelab` for generation."""

    def generate(self, run: str, prompt: str = "", **sampling: Unpack[SamplingOptions]) -> Generation:
        """Text that continues `prompt`."""
        return self._transport.post(path_of("runs", run, "generate"), Generation, {"prompt": prompt, **sampling})

    def stream(
        self, run: str, prompt: str = "", **sampling: Unpack[SamplingOptions]
    ) -> Generator[str, None, Generation]:
        """The pieces of the text as they are generated. The generator's value (`yield from`) is the whole answer."""
        body = {"prompt": prompt, **sampling, "stream": True}
        pieces: list[str] = []
        with self._transport.events(path_of("runs", run, "generate"), body=body) as messages:
            for message in messages:
                data = read_data(message)
                if message.event == "error":
                    raise ApiError.from_problem(data, int(data.get("status") or 500))
                if message.event == "done":
                    return Generation.model_validate({**data, "text": "".join(pieces)})
                pieces.append(str(data.get("text", "")))
                yield pieces[-1]
        raise ConnectionFailed(f"{self.url} closed the connection before the end of the text")

    def mix(self, run: str, state: str, other: str, share: float = 0.5) -> str:
        """The state that lies at `share` of the way from `state` to `other`. Both are from `generate(..., state=True)`.

        Text that continues from it begins after the last token of `state`.
        """
        body = {"state": state, "other": other, "share": share}
        return self._transport.post(path_of("runs", run, "states", "mix"), MixedState, body).state

    def score(self, run: str, *texts: str, checkpoint: int | CheckpointWord = "latest") -> list[Score]:
        """The likelihood of each text under the model."""
        body = {"texts": list(texts), "checkpoint": checkpoint}
        return self._transport.post(path_of("runs", run, "score"), Scores, body).data

    def logprobs(self, run: str, text: str, *, top: int = 0, checkpoint: int | None = None) -> Logprobs:
        """The log-probability of each token of a text, in nats, and of the `top` likeliest tokens at its place.

        Args:
            checkpoint: the step of the checkpoint; by default the best one if the run has one, or else the latest.
        """
        model = run if checkpoint is None else f"{run}@{checkpoint}"
        body = {"model": model, "prompt": text, "max_tokens": 0, "echo": True, "logprobs": top}
        [choice] = self._transport.post(path_of("completions"), Completion, body).choices
        assert choice.logprobs is not None, "they were asked for"
        return choice.logprobs
