"""Training and evaluation in plain PyTorch: the definition with which engines are compared."""

import torch
from torch import Tensor
from torch.nn import functional

from gatelab.model import LanguageModel
from gatelab.text.windows import IGNORED, Batch, Windows


def total_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over the scored targets of the cross entropy, in nats. Logits (steps, batch, vocabulary)."""
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")


def tensors(batch: Batch, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a batch, on `device`."""
    return torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.targets).to(device)


@torch.inference_mode()
def evaluate(model: LanguageModel, windows: Windows) -> float:
    """Mean loss in nats per token, each window from a zero state, or from the carried state if it is carried."""
    loss, tokens, state = 0.0, 0, None
    for batch in windows:
        inputs, targets = tensors(batch, model.device)
        if state is None or not windows.carried:
            state = model.initial_state(inputs.shape[1])
        logits, state = model(inputs, state)
        loss += total_loss(logits, targets).item()
        tokens += batch.tokens
    return loss / tokens
