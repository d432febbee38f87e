"""Which engine supports which fields of a model. Only this module says so; the PyTorch engine supports all."""

from collections.abc import Iterable, Iterator
from typing import Literal

from gatelab.equations.functions import REDUCTIONS
from gatelab.errors import InvalidSpec, Problem
from gatelab.specs.model import ModelSpec

Part = Literal["native", "triton", "decoder"]
"""The native engine, the engine for NVIDIA GPUs, and the decoder in C++."""

WORDS: dict[Part, str] = {
    "native": "the native engine",
    "triton": "the Triton engine",
    "decoder": "the native decoder",
}


CELL = "cell.equations"


def lacking(part: Part, model: ModelSpec) -> list[str]:
    """The fields of a model (with their values if those matter) for which this part has no code."""
    return list(_lacking(part, model))


def _lacking(part: Part, model: ModelSpec) -> Iterator[str]:
    drops = model.drops
    if part == "triton":
        yield from _not_in_triton(model)
    if len(set(model.widths)) > 1:
        yield "sizes"
    if model.connections != "plain" and model.layers > 1:
        yield f"connections: {model.connections}"
    if model.norm != "none":
        yield f"norm: {model.norm}"
    if drops.zoneout:
        yield "dropout.zoneout"
    if part == "decoder":
        return  # the fields below matter only for training
    for field in ("input", "recurrent"):
        if getattr(drops, field):
            yield f"dropout.{field}"
    if model.initial_state != "zero":
        yield f"initial_state: {model.initial_state}"


def _not_in_triton(model: ModelSpec) -> Iterator[str]:
    """What the native engine and its decoder have code for."""
    if reductions := {node.op for node in model.cell.representation.nodes} & REDUCTIONS:
        yield f"{CELL}: {', '.join(sorted(reductions))}"
    if model.tied:
        yield "tied: true"


def why_not(part: Part, model: ModelSpec) -> str | None:
    """Why this part cannot compute a model, or None if it can."""
    fields = lacking(part, model)
    return f"{WORDS[part]} has no code for {', '.join(fields)}" if fields else None


def check_engine(engine: str, model: ModelSpec) -> None:
    """
    Args:
        engine: the name of the engine that is to train, or auto.

    Raises:
        InvalidSpec: the named engine has no code for a field of the model.
    """
    if engine not in ("native", "triton"):
        return
    part: Part = "native" if engine == "native" else "triton"
    if fields := lacking(part, model):
        raise InvalidSpec(_problem(part, *field.split(": ")) for field in fields)


def _problem(part: Part, field: str, value: str = "") -> Problem:
    # A cell's equations are many: name the function.
    what = value if field == CELL else "it"
    message = f"{WORDS[part]}, which GATELAB_ENGINE names, has no code for {what}: leave it out, or set auto or torch"
    return Problem(f"model.{field}", message)


def trained_by_torch(models: Iterable[ModelSpec]) -> str | None:
    """A note about models that the native engine cannot train; None if it can train all of them."""
    fields = dict.fromkeys(field for model in models for field in lacking("native", model))
    if not fields:
        return None
    return f"PyTorch trains runs with {', '.join(fields)}: {WORDS['native']}, which is faster, has no code for them"
