"""A trained model for other programs: its weights, a step of it, and a program that needs numpy alone."""

from gatelab.export.script import script
from gatelab.export.step import GraphFormat, step_program
from gatelab.export.weights import weights

__all__ = ["GraphFormat", "script", "step_program", "weights"]
