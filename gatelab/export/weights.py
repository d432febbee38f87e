"""The weights as a safetensors file, with the description of their model."""

import json

from gatelab.checkpoint import Checkpoint, file_of


def weights(checkpoint: Checkpoint) -> bytes:
    """The parameters by their names in `LanguageModel`, with the description in the metadata.

    Raises:
        CorruptCheckpoint, NotFinite: as `Checkpoint.check_weights`.
    """
    checkpoint.check_weights()
    return file_of(checkpoint.weights, description(checkpoint))


def description(checkpoint: Checkpoint) -> str:
    """All that a program needs besides the weights, as JSON: architecture, tokenizer, step, learned initial state."""
    document: dict[str, object] = {
        "model": checkpoint.spec.model.model_dump(mode="json"),
        "tokenizer": checkpoint.tokenizer.to_json(),
        "step": checkpoint.position.step,
    }
    if checkpoint.spec.model.initial_state == "learned":
        document["initial_state"] = _initial_state(checkpoint)
    return json.dumps(document, sort_keys=True)


def _initial_state(checkpoint: Checkpoint) -> list[list[list[float]]]:
    """The tensors of each layer's state."""
    layers, states = checkpoint.spec.model.layers, len(checkpoint.spec.model.cell.representation.states)
    return [[checkpoint.weights[f"initial.{n}.{i}"].tolist() for i in range(states)] for n in range(layers)]
