"""One step of the model as a program for other runtimes: ONNX, or what torch.export writes.

It is a step, not a sequence, since an exported recurrence silently keeps the length with which it was traced.

    tokens      (batch,)                                    int64
    state       (layers, tensors of a state, batch, hidden) float32, zeros before `<bos>`, or `initial_state` of the
                description; a layer with fewer units than the widest one is padded with zeros
    logits      (batch, vocabulary)                         float32, for the next tokens
    next_state  like state
"""

import io
from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from gatelab.checkpoint import METADATA, Checkpoint
from gatelab.export.weights import description
from gatelab.model import LanguageModel, ModelState, model_of

GraphFormat = Literal["onnx", "torch"]


class Step(nn.Module):
    """One step of all layers, whose state is one tensor."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        widths = self.model.spec.widths
        logits, after = self.model(tokens[None], tuple(tuple(s[..., :w]) for s, w in zip(state, widths, strict=True)))
        return logits[0], _side_by_side(after)


def _side_by_side(state: ModelState) -> Tensor:
    """(layers, tensors of a state, batch, hidden), with zeros after the units of layers with fewer than the widest."""
    widest = max(tensors[0].shape[-1] for tensors in state)
    layers = (torch.stack(tensors) for tensors in state)
    return torch.stack([functional.pad(layer, (0, widest - layer.shape[-1])) for layer in layers])


def step_program(checkpoint: Checkpoint, format: GraphFormat) -> bytes:
    """A file that holds the step for any batch, and the description.

    Returns:
        "onnx": a model with the description in its metadata.
        "torch": a .pt2 archive for `torch.export.load`, the description in its extra file `gatelab`.
    """
    program = _traced(model_of(checkpoint))
    return _onnx(program, checkpoint) if format == "onnx" else _archive(program, checkpoint)


def _traced(model: LanguageModel) -> ExportedProgram:
    state = _side_by_side(model.initial_state(2)).clone()
    batch = Dim("batch", min=1)
    return torch.export.export(
        Step(model.eval().requires_grad_(False)),
        (torch.zeros(2, dtype=torch.int64), state),
        dynamic_shapes=({0: batch}, {2: batch}),
    )


def _archive(program: ExportedProgram, checkpoint: Checkpoint) -> bytes:
    program.example_inputs = None  # they would be pickled
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: description(checkpoint)})
    return file.getvalue()


def _onnx(program: ExportedProgram, checkpoint: Checkpoint) -> bytes:
    inputs, outputs = ["tokens", "state"], ["logits", "next_state"]
    made = torch.onnx.export(program, input_names=inputs, output_names=outputs, dynamo=True, verbose=False)
    assert made is not None
    made.model.metadata_props[METADATA] = description(checkpoint)
    file: bytes = made.model_proto.SerializeToString()
    return file
