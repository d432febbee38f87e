"""Engines: what computes losses, gradients and updates. `torch` defines the results; any other must equal it."""

from collections.abc import Sequence
from typing import Literal

import structlog
import torch

from gatelab.errors import InvalidInput
from gatelab.specs.cells import CellSpec
from gatelab.specs.training import Precision
from gatelab.training.engines.base import Engine, EngineName, Member, Read, Reading
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from gatelab.training.engines.triton_engine import TritonEngine

__all__ = [
    "Engine",
    "EngineName",
    "Member",
    "NativeEngine",
    "Read",
    "Reading",
    "TorchEngine",
    "TritonEngine",
    "Wanted",
    "build_engine",
    "choose_engine",
]

Wanted = EngineName | Literal["auto"]
"""An engine by name, or the fastest that there is."""

ENGINES: dict[EngineName, type[Engine]] = {"native": NativeEngine, "torch": TorchEngine, "triton": TritonEngine}
FASTEST: dict[str, EngineName] = {"cpu": "native", "cuda": "triton"}
"""Type of device -> the engine that is taken there, if nothing is in its way."""

log = structlog.get_logger(__name__)
_told: set[str] = set()
"""Why the fastest engine was not taken: each reason is logged once a process."""


def choose_engine(
    device: torch.device, wanted: Wanted = "auto", precision: Precision = "fp32", cell: CellSpec | None = None
) -> EngineName:
    """The engine that is wanted, or with `auto` the fastest that there is for `device`, `precision` and `cell`.

    Raises:
        InvalidInput: the engine that is wanted cannot be used here; the message says why.
    """
    name = FASTEST.get(device.type, "torch") if wanted == "auto" else wanted
    obstacle = ENGINES[name].obstacle(device, precision, cell)
    if obstacle is None:
        return name
    if wanted != "auto":
        raise InvalidInput.at("GATELAB_ENGINE", f"is {wanted}, but {obstacle}; use auto or torch")
    if obstacle not in _told:
        _told.add(obstacle)
        log.warning("PyTorch trains, since the faster engine cannot be used", engine=name, reason=obstacle)
    return "torch"


def build_engine(members: Sequence[Member], device: torch.device, wanted: Wanted = "auto") -> Engine:
    """The engine of `choose_engine`, with these members, all of one precision and cell.

    Raises:
        InvalidInput: the engine that is wanted cannot be used here.
    """
    first = members[0]
    return ENGINES[choose_engine(device, wanted, first.training.precision, first.model.spec.cell)](members, device)
