"""Heat maps of gates, in the terminal and as an image."""

from gatelab.client.heat.panels import Panel, panels
from gatelab.client.heat.terminal import render

__all__ = ["Panel", "panels", "render"]
