"""Requests to the gate lab: the gates to show and to hold, and the influence to compute."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from gatelab.specs.base import PromptText, Spec, Text
from gatelab.specs.generation import CheckpointName

Index = Annotated[int, Field(ge=0, le=10_000_000)]
Indices = Annotated[tuple[Index, ...], Field(min_length=1, max_length=1_000_000)]

STEPS = "step 0 reads <bos>, step k the k-th token of the text"


class ClampSpec(Spec):
    """A gate that is held at a value, whatever the network computes. Where clamps overlap, the later one counts."""

    gate: Annotated[Text, Field(min_length=1, max_length=100)] = Field(
        description="name of a gate of the run's cell: update, reset; input, forget, output"
    )
    at: Indices | None = Field(None, description=f"steps, by default all; {STEPS}")
    value: float = Field(ge=0, le=1, description="the activation; an update gate of 1 keeps the old state")
    layer: Index | None = Field(None, description="default all")
    units: Indices | None = Field(None, description="hidden units, by default all")


class InfluenceSpec(Spec):
    """The inputs on which the hidden state after a step depends, and how strongly."""

    output: Index = Field(description=f"the step whose hidden state is examined; {STEPS}")
    inputs: Indices | None = Field(None, description="the steps whose inputs are returned; by default all up to output")
    layer: Index | None = Field(None, description="the layer of the hidden state, by default the last one")


class GatesRequest(Spec):
    """The body of POST /v1/runs/{id}/gates."""

    text: PromptText = Field(description="the text to read, after <bos>")
    checkpoint: CheckpointName = Field("latest", description="a step that has a checkpoint, latest, or best")
    layers: Indices | None = Field(None, description="the layers to return, counted from 0; by default all")
    units: Indices | None = Field(None, description="the hidden units to return; by default all")
    values: StrictBool = Field(True, description="false: return only the statistics across the units")
    clamp: tuple[ClampSpec, ...] = Field((), max_length=1000, description="gates that are held at a value")
    influence: InfluenceSpec | None = Field(None, description="also return the inputs on which a hidden state depends")
    format: Literal["json", "npz"] = Field(
        "json", description="npz: arrays for numpy.load; also by Accept: application/x-npz"
    )
