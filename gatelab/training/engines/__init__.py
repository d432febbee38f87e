"""Engines compute losses, gradients and updates. `torch` defines the results; any other must equal it.

An engine is imported when it is chosen, since PyTorch, which two of them use, takes seconds and hundreds of MiB.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import structlog

from gatelab.errors import InvalidInput
from gatelab.specs.cells import CellSpec
from gatelab.specs.engine_support import why_not
from gatelab.specs.model import ModelSpec
from gatelab.specs.training import Precision
from gatelab.training.devices import Device
from gatelab.training.engines.base import Engine, EngineName, Member, Read, Reading

__all__ = [
    "Device",
    "Engine",
    "EngineName",
    "Member",
    "Read",
    "Reading",
    "Wanted",
    "build_engine",
    "choose_engine",
    "engine_named",
    "obstacle",
]

Wanted = EngineName | Literal["auto"]
"""An engine by name, or the fastest available one."""

FASTEST: dict[Device, EngineName] = {"cpu": "native", "cuda": "triton"}
"""Device -> the preferred engine."""

log = structlog.get_logger(__name__)
_told: set[str] = set()
"""Why the fastest engine was not used: each reason is logged once per process."""


def engine_named(name: EngineName) -> type[Engine]:
    match name:
        case "native":
            from gatelab.training.engines.native import NativeEngine

            return NativeEngine
        case "torch":
            from gatelab.training.engines.reference import TorchEngine

            return TorchEngine
        case "triton":
            from gatelab.training.engines.triton_engine import TritonEngine

            return TritonEngine


def obstacle(
    name: EngineName,
    device: Device,
    precision: Precision,
    cell: CellSpec | None = None,
    model: ModelSpec | None = None,
) -> str | None:
    """Why an engine cannot train on `device` in `precision`, or this cell or model, or None if it can."""
    if name != "torch" and model is not None and (reason := why_not(name, model)) is not None:
        return reason
    if name != "native" and find_spec("torch") is None:
        return "PyTorch is not installed"
    return engine_named(name).obstacle(device, precision, cell)


def choose_engine(
    device: Device,
    wanted: Wanted = "auto",
    precision: Precision = "fp32",
    cell: CellSpec | None = None,
    model: ModelSpec | None = None,
) -> EngineName:
    """The requested engine, or with `auto` the fastest for `device`, `precision`, `cell` and `model`.

    Raises:
        InvalidInput: the requested engine cannot be used here, or none can; the message says why.
    """
    name = FASTEST[device] if wanted == "auto" else wanted
    reason = obstacle(name, device, precision, cell, model)
    if reason is None:
        return name
    if wanted != "auto":
        other = "auto" if wanted == "torch" else "auto or torch"
        raise InvalidInput.at("GATELAB_ENGINE", f"is {wanted}, but {reason}; use {other}")
    if find_spec("torch") is None:
        raise InvalidInput.at(
            "GATELAB_ENGINE", f"is auto, but {reason}, and PyTorch, which would train instead, is not installed"
        )
    if reason not in _told:
        _told.add(reason)
        log.warning("PyTorch trains, since the faster engine cannot be used", engine=name, reason=reason)
    return "torch"


def build_engine(
    members: Sequence[Member], device: Device = "cpu", wanted: Wanted = "auto", threads: int | None = None
) -> Engine:
    """The engine of `choose_engine`, with these members, all of one precision and model.

    Raises:
        InvalidInput: the requested engine cannot be used here.
    """
    first = members[0]
    name = choose_engine(device, wanted, first.training.precision, first.spec.cell, first.spec)
    return engine_named(name)(members, device, threads)
