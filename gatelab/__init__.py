"""Gatelab trains, compares and serves gated recurrent language models."""

__version__ = "0.1.0"
