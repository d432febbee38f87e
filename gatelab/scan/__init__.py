"""Engines that apply a cell over a sequence. `reference` defines the result; any other must equal it."""

from gatelab.scan.reference import scan

__all__ = ["scan"]
