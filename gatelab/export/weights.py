"""The weights as a safetensors file that says what they belong to."""

import json

from gatelab.checkpoint import Checkpoint, file_of


def weights(checkpoint: Checkpoint) -> bytes:
    """The parameters by their names in `LanguageModel`; what `description` tells in the metadata.

    Raises:
        CorruptCheckpoint, NotFinite: as `Checkpoint.check_weights`.
    """
    checkpoint.check_weights()
    return file_of(checkpoint.weights, description(checkpoint))


def description(checkpoint: Checkpoint) -> str:
    """Architecture, tokenizer and step as JSON: what a program needs besides the weights."""
    document = {
        "model": checkpoint.spec.model.model_dump(mode="json"),
        "tokenizer": checkpoint.tokenizer.to_json(),
        "step": checkpoint.position.step,
    }
    return json.dumps(document, sort_keys=True)
