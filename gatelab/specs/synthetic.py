"""Synthetic texts that require a network to remember for the length of their lag."""

from typing import Annotated, Literal

from pydantic import Field

from gatelab.specs.base import Spec
from gatelab.specs.generation import CheckpointName


class _Memory(Spec):
    """The fields of both tasks. One line is one example, with noise between the symbols and their recall."""

    lag: int = Field(ge=0, le=100_000, description="noise characters between what is shown and the question mark")
    symbols: int = Field(8, ge=2, le=26, description="number of different symbols, from the letter a on")
    distractors: int = Field(4, ge=1, le=10, description="number of different noise characters, from the digit 0 on")
    examples: int = Field(10_000, ge=10, le=10_000_000, multiple_of=10, description="lines of the corpus")
    seed: int = Field(0, ge=0, lt=2**53)


class RecallSpec(_Memory):
    """Delayed recall: a symbol, `lag` characters of noise, a question mark, the symbol again."""

    kind: Literal["recall"]

    @property
    def shown(self) -> int:
        """How many symbols a line shows and asks for."""
        return 1


class CopySpec(_Memory):
    """Copying (Hochreiter & Schmidhuber 1997): `width` symbols, noise, a question mark, the same symbols in order."""

    kind: Literal["copy"]
    width: int = Field(5, ge=1, le=1000, description="symbols to copy")

    @property
    def shown(self) -> int:
        """How many symbols a line shows and asks for."""
        return self.width


SyntheticSpec = Annotated[RecallSpec | CopySpec, Field(discriminator="kind")]


class RecallRequest(Spec):
    """The body of POST /v1/runs/{id}/recall."""

    task: SyntheticSpec = Field(description="the task of the corpus; another lag tests what was not trained")
    examples: int = Field(1000, ge=1, le=1_000_000, description="number of new random lines to test")
    checkpoint: CheckpointName = Field("latest", description="a step that has a checkpoint, latest, or best")
