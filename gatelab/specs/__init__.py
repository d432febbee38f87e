"""The language of Gatelab, data only: HTTP body = database JSON = YAML file = Python object."""

from gatelab.specs.base import Spec, parse
from gatelab.specs.cells import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.specs.gates import ClampSpec, GatesRequest, InfluenceSpec
from gatelab.specs.generation import GenerateRequest, Sampling
from gatelab.specs.job import JobSpec, RunSpec
from gatelab.specs.limits import Limits
from gatelab.specs.model import (
    BpeTokenizerSpec,
    ByteTokenizerSpec,
    CharTokenizerSpec,
    EmbeddingSpec,
    ModelSpec,
    TokenizerSpec,
    UnigramTokenizerSpec,
    WordsTokenizerSpec,
)
from gatelab.specs.pack_key import shape_key
from gatelab.specs.resolved import resolved, without_seed
from gatelab.specs.synthetic import CopySpec, RecallRequest, RecallSpec, SyntheticSpec
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
    "BpeTokenizerSpec",
    "ByteTokenizerSpec",
    "CellSpec",
    "CharTokenizerSpec",
    "ClampSpec",
    "CopySpec",
    "EmbeddingSpec",
    "EquationsSpec",
    "GatesRequest",
    "GenerateRequest",
    "GruSpec",
    "InfluenceSpec",
    "JobSpec",
    "Limits",
    "LstmSpec",
    "ModelSpec",
    "OptimizerSpec",
    "RecallRequest",
    "RecallSpec",
    "RnnSpec",
    "RunSpec",
    "SampleSpec",
    "Sampling",
    "SgdSpec",
    "Spec",
    "SyntheticSpec",
    "TokenizerSpec",
    "TrainingSpec",
    "UnigramTokenizerSpec",
    "WindowsSpec",
    "WordsTokenizerSpec",
    "parse",
    "resolved",
    "shape_key",
    "without_seed",
]
