"""A trained model for other programs: its weights, a step of it, and a program that needs numpy alone."""

from gatelab.export.script import script
from gatelab.export.weights import weights

__all__ = ["script", "weights"]
