"""Engines: what computes losses, gradients and updates. `torch` defines the results; any other must equal it."""

from collections.abc import Sequence

import structlog
import torch

from gatelab.errors import InvalidInput
from gatelab.scan import native
from gatelab.training.engines.base import Engine, EngineName, Member, Read, Reading, Wanted
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine

__all__ = ["Engine", "EngineName", "Member", "NativeEngine", "Read", "Reading", "TorchEngine", "Wanted", "build_engine"]

log = structlog.get_logger(__name__)
_told: set[str] = set()
"""Why the fastest engine was not taken: each reason is logged once a process."""


def build_engine(members: Sequence[Member], device: torch.device, wanted: Wanted = "auto") -> Engine:
    """An engine for these members: the one that is wanted, or with `auto` the fastest that there is for `device`.

    Raises:
        InvalidInput: the engine that is wanted cannot be used here; the message says why.
    """
    if wanted == "torch":
        return TorchEngine(members, device)
    if device.type == "cpu" or wanted == "native":
        try:
            return _native(members, device)
        except native.Unavailable as reason:
            if wanted == "native":
                raise InvalidInput.at("GATELAB_ENGINE", f"is native, but {reason}; use auto or torch") from reason
            _tell(str(reason))
    return TorchEngine(members, device)


def _native(members: Sequence[Member], device: torch.device) -> Engine:
    if device.type != "cpu":
        raise native.Unavailable(f"it trains on the CPU, not on {device.type}")
    if any(p.dtype != torch.float32 for p in members[0].model.parameters()):
        raise native.Unavailable("it computes in single precision, and this model is not")
    return NativeEngine(members, device)


def _tell(reason: str) -> None:
    if reason not in _told:
        _told.add(reason)
        log.warning("the native engine is not used", reason=reason)
