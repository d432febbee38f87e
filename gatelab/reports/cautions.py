"""Whether the numbers of an evaluation mean anything, and warnings if they do not."""

import math

FEW_TOKENS = 1000
"""The loss of single tokens has a standard deviation of about 2 nats. That of a mean over this many is 0.06, or 6 %
of the perplexity."""


def uniform_loss(vocabulary: int) -> float:
    """The loss in nats per token of a guess to which all tokens are equally likely."""
    return math.log(vocabulary)


def worse_than_guessing(loss: float | None, vocabulary: int | None) -> bool:
    """Whether a loss is above that of a uniform guess; False if either is unknown."""
    return loss is not None and vocabulary is not None and loss > uniform_loss(vocabulary)


def too_few(tokens: int | None) -> bool:
    """Whether a mean over `tokens` tokens depends largely on chance; False if their number is unknown."""
    return tokens is not None and tokens < FEW_TOKENS


def cautions(part: str, loss: float | None, tokens: int | None, vocabulary: int | None) -> list[str]:
    """Warnings about the loss of one run on a part of its text, as sentences.

    Args:
        part: validation or test.
        loss: in nats per token.
        tokens: the number of different tokens over which it is the mean.
        vocabulary: the number of tokens that the model knows.
    """
    found = []
    if worse_than_guessing(loss, vocabulary):
        assert loss is not None
        assert vocabulary is not None
        found.append(
            f"The {part} loss, {loss:.2f} nats, is above that of a uniform guess over {vocabulary} tokens"
            f" ({uniform_loss(vocabulary):.2f}): the model is worse than no model at all."
        )
    if loss is not None and too_few(tokens):
        found.append(few_words(part, str(tokens)))
    return found


def few_words(part: str, tokens: str) -> str:
    """The warning that a part has too few tokens."""
    return f"The {part} part has only {tokens} tokens, so its loss and perplexity depend largely on chance."
