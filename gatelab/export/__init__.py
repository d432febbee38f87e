"""A trained model for other programs: its weights, one step, and a program that needs only numpy."""

from gatelab.export.script import script
from gatelab.export.weights import weights

__all__ = ["script", "weights"]
