"""Checkpoints: everything needed to resume bit-identically, or to generate. safetensors and JSON, never pickle."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from gatelab.architecture import parameter_shapes
from gatelab.checkpoint_letters import PACKED_FORMAT, by_letters
from gatelab.errors import CorruptCheckpoint, NotFinite
from gatelab.specs.job import RunSpec
from gatelab.stopping_state import BEGINNING, StoppingState, Waiting
from gatelab.tensor_file import once, read_arrays, read_metadata, write_arrays
from gatelab.text.tokenizers import Tokenizer, from_json
from gatelab.wire.evaluations import EndedBy

FORMAT = "gatelab-checkpoint-2"

_CARRIED = re.compile(r"[0-9]{1,2}\.[0-9]")
"""Layer and number of a carried array. Without a bound, one name could ask for a list of a billion layers."""

Array = NDArray[Any]

Carried = tuple[tuple[Array, ...], ...]
"""The hidden state after a window: for each layer, the tensors of its state, each (batch, hidden)."""

NOTHING: Mapping[str, Array] = MappingProxyType({})

METADATA = "gatelab"
"""The metadata entry that holds spec, tokenizer and position as one JSON document."""


@dataclass(frozen=True)
class Position:
    """How far a run has come.

    Attributes:
        step: optimizer steps taken.
        epoch: epochs finished, including the evaluation at their end, if there is one.
        batch: batches taken in the current epoch.
        tokens: training tokens read.
        epoch_loss: sum over the tokens read since the latest evaluation of the loss, in nats.
        epoch_tokens: training tokens read since then, usually in the current epoch.
        seconds: time spent in training and evaluation; an equal share of the time that several runs spent together.
        training_seconds: the same for training steps alone.
        standing: the state of early stopping after the evaluations so far.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    epoch_loss: float = 0.0
    epoch_tokens: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0
    standing: StoppingState = BEGINNING


@dataclass(frozen=True)
class Checkpoint:
    """A run at one position.

    Attributes:
        spec, tokenizer: those for which the weights were trained.
        position: how far the run has come.
        weights: parameter name -> array.
        optimizer: "parameter index.name" -> array.
        carried: the hidden state carried from window to window; empty if the spec carries none.
    """

    spec: RunSpec
    tokenizer: Tokenizer
    position: Position
    weights: Mapping[str, Array]
    optimizer: Mapping[str, Array] = field(default_factory=dict)
    carried: Carried = ()

    def to_bytes(self) -> bytes:
        """As a safetensors file, with spec, tokenizer and position as JSON in its metadata."""
        arrays = dict(named_arrays(self.weights, self.optimizer, self.carried))
        document = {
            "format": FORMAT,
            "spec": self.spec.model_dump(mode="json"),
            "tokenizer": self.tokenizer.to_json(),
            "position": asdict(self.position),
        }
        return file_of(arrays, json.dumps(document, sort_keys=True))

    def weights_sha256(self) -> str:
        """The digest of the weights: their names, types, shapes and bytes, in the order of the names."""
        digest = hashlib.sha256()
        for name, array in sorted(self.weights.items()):
            # Types keep the names that they had when the weights were PyTorch's, so that recorded digests stay valid.
            digest.update(f"{name} torch.{array.dtype} {array.shape}\n".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes, *, to_train: bool = True) -> "Checkpoint":
        """
        Args:
            to_train: whether to read the optimizer's and the carried state, too, which only training needs. With Adam
                they are two thirds of a file.

        Raises:
            CorruptCheckpoint: `data` is not what `to_bytes` writes.
        """
        try:
            arrays, document = read_arrays(data, "" if to_train else "weights."), _document(data)
            if document.get("format") not in (FORMAT, PACKED_FORMAT):
                raise CorruptCheckpoint(f"not a {FORMAT} file: format is {document.get('format')!r}")
            spec = RunSpec.model_validate(document["spec"])
            weights, optimizer = _group(arrays, "weights"), _group(arrays, "optimizer")
            if document["format"] == PACKED_FORMAT:
                weights, optimizer = by_letters(spec.model, weights, optimizer)
            return cls(
                spec,
                from_json(document["tokenizer"]),
                _position(document["position"]),
                weights,
                optimizer,
                _states(_group(arrays, "carried")),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptCheckpoint(f"not a checkpoint: {error}") from error

    def not_finite(self) -> str | None:
        """The name of the first array with a number that is not finite; None if all are finite."""
        return first_not_finite(named_arrays(self.weights, self.optimizer, self.carried))

    def check_shapes(self) -> None:
        """
        Raises:
            CorruptCheckpoint: the weights are not those of the spec.
        """
        if (fault := _fault_of(self.weights, parameter_shapes(self.spec.model, self.tokenizer.vocabulary))) is not None:
            raise CorruptCheckpoint(fault)

    def check_weights(self) -> None:
        """
        Raises:
            CorruptCheckpoint: as `check_shapes`.
            NotFinite: a weight is not finite. This happens only with older checkpoints, since training checks it now.
        """
        self.check_shapes()
        if (name := first_not_finite(named_arrays(self.weights))) is not None:
            raise NotFinite(
                f"{name} of the checkpoint of step {self.position.step} is not finite, since the run had diverged:"
                " use an earlier checkpoint, if the run has one"
            )


def _fault_of(weights: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The first fault of weights that should have these names and shapes; None if there is none."""
    for name, shape in shapes.items():
        if name not in weights:
            return f"the weights {name!r} are missing"
        if weights[name].dtype != np.float32:
            return f"the weights {name!r} are not in single precision"
        if weights[name].shape != shape:
            return f"the weights {name!r} have the shape {weights[name].shape}, but the spec's model needs {shape}"
    strange = next((name for name in weights if name not in shapes), None)
    return None if strange is None else f"the spec's model has no weights {strange[:100]!r}"


def file_of(arrays: Mapping[str, Array], document: str) -> bytes:
    """A safetensors file of arrays, with a document in its metadata. Equal ones have equal bytes."""
    return write_arrays(arrays, {METADATA: document})


def named_arrays(
    weights: Mapping[str, Array], optimizer: Mapping[str, Array] = NOTHING, carried: Carried = ()
) -> Iterator[tuple[str, Array]]:
    """The arrays of a run by their names in a checkpoint file."""
    states = {f"{layer}.{i}": array for layer, state in enumerate(carried) for i, array in enumerate(state)}
    for group, named in (("weights", weights), ("optimizer", optimizer), ("carried", states)):
        yield from ((f"{group}.{name}", array) for name, array in named.items())


def first_not_finite(arrays: Iterable[tuple[str, Array]]) -> str | None:
    """The name of the first array that has a number that is not finite, if there is one."""
    return next((name for name, array in arrays if not np.isfinite(array).all()), None)


def _document(data: bytes) -> dict[str, Any]:
    """The metadata that `to_bytes` put into the header."""
    metadata = read_metadata(data)
    if METADATA not in metadata:
        raise ValueError(f"its metadata has no {METADATA!r}")
    document = json.loads(metadata[METADATA], object_pairs_hook=once)
    return document if isinstance(document, dict) else {}


def _position(fields: Any) -> Position:
    if not isinstance(fields, dict):
        raise ValueError(f"its position must be an object, not {str(fields)[:100]}")  # noqa: TRY004 - damage, as above
    position = Position(**fields | {"standing": _standing(fields.get("standing", {}))})
    for name, kind in Position.__annotations__.items():
        if kind is not StoppingState:
            _check_number(name, getattr(position, name), whole=kind is int)
    return position


def _standing(fields: Any) -> StoppingState:
    """Checkpoints of versions without early stopping have none."""
    if not isinstance(fields, dict):
        raise ValueError(f"its standing must be an object, not {str(fields)[:100]}")  # noqa: TRY004 - damage, as above
    waiting = {name: Waiting(**fields.get(name, {})) for name in ("stop", "plateau")}
    standing = StoppingState(**fields | waiting)
    for name, found in waiting.items():
        _check_number(f"{name}.waited", found.waited, whole=True)
    _check_number("cuts", standing.cuts, whole=True)
    if standing.ended not in (None, *get_args(EndedBy)):
        raise ValueError(f"its position has an unknown reason in ended: {str(standing.ended)[:100]}")
    for value in (standing.measured, standing.stop.best, standing.plateau.best):
        if value is not None:
            _check_number("standing", value, whole=False)
    return standing


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"its position has an invalid number in {name}: {str(value)[:100]}")


def _group(arrays: Mapping[str, Array], group: str) -> dict[str, Array]:
    prefix = group + "."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _states(carried: Mapping[str, Array]) -> Carried:
    """`{"layer.i": array}` as one tuple per layer."""
    if strange := [name for name in carried if not _CARRIED.fullmatch(name)]:
        raise ValueError(f"its carried states have an invalid name: {strange[0][:100]!r}")
    layers: list[tuple[Array, ...]] = []
    for layer in range(1 + max((int(name.split(".")[0]) for name in carried), default=-1)):
        of_layer = sorted(name for name in carried if name.startswith(f"{layer}."))
        layers.append(tuple(carried[name] for name in of_layer))
    return tuple(layers)
