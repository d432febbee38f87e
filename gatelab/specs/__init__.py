"""The language of Gatelab, data only: HTTP body = database JSON = YAML file = Python object."""

from gatelab.specs.base import Spec, parse
from gatelab.specs.cells import CellSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.specs.generation import GenerateRequest, Sampling
from gatelab.specs.job import JobSpec, RunSpec
from gatelab.specs.limits import Limits
from gatelab.specs.model import ByteTokenizerSpec, CharTokenizerSpec, EmbeddingSpec, ModelSpec, TokenizerSpec
from gatelab.specs.shape import shape_key
from gatelab.specs.training import (
    AdamSpec,
    AdamWSpec,
    OptimizerSpec,
    SampleSpec,
    SgdSpec,
    TrainingSpec,
    WindowsSpec,
)

__all__ = [
    "AdamSpec",
    "AdamWSpec",
    "ByteTokenizerSpec",
    "CellSpec",
    "CharTokenizerSpec",
    "EmbeddingSpec",
    "GenerateRequest",
    "GruSpec",
    "JobSpec",
    "Limits",
    "LstmSpec",
    "ModelSpec",
    "OptimizerSpec",
    "RnnSpec",
    "RunSpec",
    "SampleSpec",
    "Sampling",
    "SgdSpec",
    "Spec",
    "TokenizerSpec",
    "TrainingSpec",
    "WindowsSpec",
    "parse",
    "shape_key",
]
