"""Generating text from a model: sampling, stop strings, and an iterator of tokens over an explicit state."""

from gatelab.generation.decode import FinishReason, Token, generate

__all__ = ["FinishReason", "Token", "generate"]
