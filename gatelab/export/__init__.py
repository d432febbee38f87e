"""A trained model for other programs: its weights with what they belong to, and a program that needs numpy alone."""

from gatelab.export.script import script
from gatelab.export.weights import weights

__all__ = ["script", "weights"]
