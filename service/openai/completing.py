"""A request for completions on its way to its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatelab.text.tokenizers import Ids
from service.models import Loaded
from service.openai.shapes import Choice, Completion, CompletionRequest, Usage


@dataclass(frozen=True)
class Completing:
    """What is the same in everything that is answered."""

    body: CompletionRequest
    loaded: Loaded
    prompts: Sequence[Ids]
    id: str
    created: int

    def answer(self, choices: Sequence[Choice], usage: Usage | None = None) -> Completion:
        return Completion(id=self.id, created=self.created, model=self.body.model, choices=list(choices), usage=usage)

    def usage(self, written: int) -> Usage:
        read = sum(map(len, self.prompts))
        return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)

    @property
    def choices(self) -> list[tuple[int, Ids]]:
        """The place of each choice among those of its prompt, and the prompt."""
        return [(place, prompt) for prompt in self.prompts for place in range(self.body.n or 1)]
