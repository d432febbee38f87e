"""The gate lab: activations of gates, held gates, and the inputs on which a hidden state depends."""

from gatelab.gates.clamps import Clamps
from gatelab.gates.influence import Influence, influence
from gatelab.gates.recall import Recall, recall
from gatelab.gates.saturation import Saturation, saturation
from gatelab.gates.statistics import QUANTILES, Statistics, across_units
from gatelab.gates.traces import STATE_NAMES, LayerTrace, Trace, trace

__all__ = [
    "QUANTILES",
    "STATE_NAMES",
    "Clamps",
    "Influence",
    "LayerTrace",
    "Recall",
    "Saturation",
    "Statistics",
    "Trace",
    "across_units",
    "influence",
    "recall",
    "saturation",
    "trace",
]
