"""Engines: what computes losses, gradients and updates. `torch` defines the results; any other must equal it."""

from collections.abc import Sequence

import torch

from gatelab.training.engines.base import Engine, EngineName, Member, Read, Reading
from gatelab.training.engines.reference import TorchEngine

__all__ = ["Engine", "EngineName", "Member", "Read", "Reading", "TorchEngine", "build_engine"]


def build_engine(members: Sequence[Member], device: torch.device) -> Engine:
    """The fastest engine that can train these members on `device`."""
    return TorchEngine(members, device)
