"""Answers of the gate lab, as JSON or as arrays for numpy."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gatelab.text import Tokenizer
from gatelab.text.tokenizers import SPECIAL_NAMES, SPECIALS, Ids

if TYPE_CHECKING:
    from gatelab.gates import Influence, LayerTrace, Statistics, Trace

NPZ = "application/x-npz"


@dataclass(frozen=True)
class Answer:
    """The results for a text."""

    checkpoint: int
    tokenizer: Tokenizer
    ids: Ids
    unknown: int
    trace: "Trace"
    values: bool
    influence: "Influence | None"
    layer: int
    inputs: Sequence[int]

    def json(self) -> bytes:
        """As `Gates` says; NaN and infinities are null."""
        tokens = _names(self.tokenizer, self.ids)
        everything = [self.tokenizer.name(token) for token in range(len(self.trace.next))]
        answer = {
            "checkpoint": self.checkpoint,
            "tokens": tokens,
            "unknown_characters": self.unknown,
            "layers": [self._layer(layer) for layer in self.trace.layers],
            "next": [
                {"token": everything[id], "id": id, "probability": float(self.trace.next[id])}
                for id in np.argsort(-self.trace.next, kind="stable").tolist()
            ],
            "influence": None if self.influence is None else self._influence(self.influence, tokens),
        }
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    def npz(self) -> bytes:
        """As arrays with names such as `layer0.gates.update` (steps, units); none of them is a pickle."""
        arrays: dict[str, Any] = {
            "checkpoint": self.checkpoint,
            "ids": self.ids,
            "tokens": np.array(_names(self.tokenizer, self.ids)),
            "next": self.trace.next,
        }
        for layer in self.trace.layers:
            arrays |= {f"layer{layer.layer}.{name}": array for name, array in self._arrays(layer)}
        if (found := self.influence) is not None:
            arrays |= {
                "influence.output": found.output,
                "influence.layer": self.layer,
                "influence.at": np.array(self.inputs, dtype=np.int64),
                "influence.norm": np.array([self._norm(at) for at in self.inputs]),
                "influence.initial_state": found.initial_state,
                "influence.memory_length": np.nan if found.memory_length is None else found.memory_length,
            }
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    def _layer(self, layer: "LayerTrace") -> dict[str, Any]:
        from gatelab.gates import STATE_NAMES

        values = {"gates": layer.gates, **layer.state} if self.values else {}
        others = {name: rows for name, rows in layer.state.items() if name not in STATE_NAMES}
        return {
            "layer": layer.layer,
            "units": layer.units,
            **{name: values.get(name) for name in ("gates", "hidden", "cell")},
            "states": [{"name": name, "rows": rows} for name, rows in others.items()] if self.values else None,
            "statistics": {name: _statistics(found, gate) for name, found, gate in _all_statistics(layer)},
        }

    def _arrays(self, layer: "LayerTrace") -> Iterator[tuple[str, Any]]:
        yield "units", layer.units
        if self.values:
            yield from ((f"gates.{name}", values) for name, values in layer.gates.items())
            yield from layer.state.items()
        for name, found, gate in _all_statistics(layer):
            numbers = _statistics(found, gate)
            numbers["quantiles"] = found.quantiles
            yield from ((f"statistics.{name}.{key}", array) for key, array in numbers.items())

    def _influence(self, found: "Influence", tokens: Sequence[str]) -> dict[str, Any]:
        return {
            "output": found.output,
            "layer": self.layer,
            "inputs": [{"at": at, "token": tokens[at], "norm": self._norm(at)} for at in self.inputs],
            "initial_state": found.initial_state,
            "memory_length": found.memory_length,
        }

    def _norm(self, at: int) -> float:
        """The inputs after the output have no influence on it."""
        assert self.influence is not None, "asked for"
        return float(self.influence.norms[at]) if at <= self.influence.output else 0.0


def _all_statistics(layer: "LayerTrace") -> "Iterator[tuple[str, Statistics, bool]]":
    """Statistics of every gate and every tensor of the state, and whether it is a gate."""
    from gatelab.gates import across_units

    for name, values in {**layer.gates, **layer.state}.items():
        yield name, across_units(values), name in layer.gates


def _statistics(found: "Statistics", gate: bool) -> dict[str, Any]:
    from gatelab.gates import QUANTILES

    quantiles = {str(share): _short(row) for share, row in zip(QUANTILES, found.quantiles, strict=True)}
    numbers: dict[str, Any] = {"mean": _short(found.mean), "quantiles": quantiles}
    return numbers | {"near_zero": _short(found.near_zero), "near_one": _short(found.near_one)} if gate else numbers


def _short(values: Any) -> Any:
    """Statistics in the precision of the values that they summarize, which halves the digits."""
    return np.ascontiguousarray(values, dtype=np.float32)


def _names(tokenizer: Tokenizer, ids: Ids) -> list[str]:
    decode = tokenizer.decoder()
    return [SPECIAL_NAMES[id] if id < SPECIALS else decode(id) for id in ids.tolist()]
