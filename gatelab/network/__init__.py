"""A model in numpy, according to the equations of its cell: it generates and inspects without PyTorch."""

from gatelab.network.evaluation import Array, GateOverride
from gatelab.network.functions import log_probabilities
from gatelab.network.layer import Layer, State
from gatelab.network.network import Network, NetworkState

__all__ = ["Array", "GateOverride", "Layer", "Network", "NetworkState", "State", "log_probabilities"]
