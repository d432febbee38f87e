"""A request for completions that is being answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatelab.wire.completions import Choice, Completion, Usage
from service.generation.model_cache import Loaded
from service.openai.prompts import Prompt
from service.openai.views import CompletionRequest


@dataclass(frozen=True)
class Completing:
    """The fields that all parts of the answer share."""

    body: CompletionRequest
    loaded: Loaded
    prompts: Sequence[Prompt]
    id: str
    created: int

    def answer(self, choices: Sequence[Choice], usage: Usage | None = None) -> Completion:
        return Completion(id=self.id, created=self.created, model=self.body.model, choices=list(choices), usage=usage)

    def usage(self, written: int) -> Usage:
        read = sum(len(prompt.ids) for prompt in self.prompts)
        return Usage(
            prompt_tokens=read,
            completion_tokens=written,
            total_tokens=read + written,
            unknown_characters=sum(prompt.unknown for prompt in self.prompts),
        )

    @property
    def most_tokens(self) -> int:
        """The most tokens that are read and written together."""
        return sum(len(prompt.ids) + self.body.length for _, prompt in self.choices)

    @property
    def most_logprobs(self) -> int:
        """The most log-probabilities in the answer."""
        if self.body.logprobs is None:
            return 0
        told = sum(self.body.length + bool(self.body.echo) * len(prompt.ids) for _, prompt in self.choices)
        return told * (1 + self.body.logprobs)

    @property
    def choices(self) -> list[tuple[int, Prompt]]:
        """The place of each choice among those of its prompt, and the prompt."""
        return [(place, prompt) for prompt in self.prompts for place in range(self.body.n or 1)]
