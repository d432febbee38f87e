"""The weights as a safetensors file that says what they belong to."""

import json

from safetensors.torch import save

from gatelab.checkpoint import METADATA, Checkpoint


def weights(checkpoint: Checkpoint) -> bytes:
    """The parameters by their names in `LanguageModel`; what `description` tells in the metadata.

    Raises:
        NotFinite: they are not finite.
    """
    checkpoint.check_weights()
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}
    return save(tensors, {METADATA: description(checkpoint)})


def description(checkpoint: Checkpoint) -> str:
    """Architecture, tokenizer and step as JSON: what a program needs besides the weights."""
    document = {
        "model": checkpoint.spec.model.model_dump(mode="json"),
        "tokenizer": checkpoint.tokenizer.to_json(),
        "step": checkpoint.position.step,
    }
    return json.dumps(document, sort_keys=True)
