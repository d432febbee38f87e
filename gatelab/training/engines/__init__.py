"""Engines: what computes losses, gradients and updates. `torch` defines the results; any other must equal it."""

from collections.abc import Sequence
from typing import Literal

import torch

from gatelab.errors import InvalidInput
from gatelab.specs.job import RunSpec
from gatelab.training.engines.base import Engine, EngineName, Member, Read, Reading
from gatelab.training.engines.reference import TorchEngine

Wanted = EngineName | Literal["auto"]
"""An engine by name, or the fastest that can train a run."""

__all__ = [
    "Engine",
    "EngineName",
    "Member",
    "Read",
    "Reading",
    "TorchEngine",
    "Wanted",
    "build_engine",
    "check_engine",
    "choose_engine",
]


def check_engine(wanted: Wanted, device: torch.device) -> None:
    """
    Raises:
        InvalidInput: there is no such engine on `device`; the message says which there are.
    """
    if wanted not in ("auto", "torch"):
        raise InvalidInput.at("engine", f"{wanted} is not available on {device.type} here; use auto or torch")


def choose_engine(spec: RunSpec, device: torch.device, wanted: Wanted = "auto") -> EngineName:
    """The engine that trains `spec` on `device`, given what is wanted.

    Raises:
        InvalidInput: there is no such engine.
    """
    check_engine(wanted, device)
    return "torch"


def build_engine(members: Sequence[Member], device: torch.device, wanted: Wanted = "auto") -> Engine:
    """The fastest engine that can train these members on `device`, or the one that is wanted.

    Raises:
        InvalidInput: there is no such engine.
    """
    check_engine(wanted, device)
    return TorchEngine(members, device)
