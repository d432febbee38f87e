"""The gate lab: what gates do while a run reads a text, and how well it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from gatelab.client.calls.base import Calls, data_of, path_of
from gatelab.client.models import Gates, Recall

if TYPE_CHECKING:
    from gatelab.specs import ClampSpec, InfluenceSpec, SyntheticSpec
    from gatelab.specs.generation import CheckpointWord


class GateOptions(TypedDict, total=False):
    """What to look at; see `gatelab.specs.GatesRequest`. Step 0 reads `<bos>`, step k the k-th token of the text."""

    checkpoint: int | CheckpointWord
    layers: Iterable[int]
    units: Iterable[int]
    values: bool
    clamp: Iterable[ClampSpec | Mapping[str, Any]]
    influence: InfluenceSpec | Mapping[str, Any]


class GateCalls(Calls):
    """The methods of `gatelab.Gatelab` for gates."""

    def gates(self, run: str, text: str, **options: Unpack[GateOptions]) -> Gates:
        """The activations of every gate and hidden unit while the run reads a text, with gates held as `clamp` says."""
        return self._transport.post(path_of("runs", run, "gates"), Gates, gates_body(text, options))

    def gate_arrays(self, run: str, text: str, **options: Unpack[GateOptions]) -> bytes:
        """The same as an .npz file for numpy.load, which is smaller than JSON."""
        body = gates_body(text, options) | {"format": "npz"}
        return self._transport.post_bytes(path_of("runs", run, "gates"), body)

    def recall(
        self,
        run: str,
        task: SyntheticSpec | Mapping[str, Any],
        examples: int = 1000,
        checkpoint: int | CheckpointWord = "latest",
    ) -> Recall:
        """Test a memory task on new random lines: how many symbols the run recalls after the lag."""
        body = {"task": data_of(task), "examples": examples, "checkpoint": checkpoint}
        return self._transport.post(path_of("runs", run, "recall"), Recall, body)


def gates_body(text: str, options: GateOptions) -> dict[str, Any]:
    body: dict[str, Any] = {"text": text, **options}
    body |= {name: list(body[name]) for name in ("layers", "units") if name in body}
    if "clamp" in body:
        body["clamp"] = [data_of(clamp) for clamp in body["clamp"]]
    if "influence" in body:
        body["influence"] = data_of(body["influence"])
    return body
