"""The connections between the layers of a model, in PyTorch: normalization and highways."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gatelab.architecture import EPSILON


class Normalization(nn.Module):
    """Layer normalization (Ba, Kiros & Hinton 2016, arXiv:1607.06450, section 3), of the last axis."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """gain * (x - mean) / sqrt(variance + EPSILON) + bias"""
        return functional.layer_norm(x, self.gain.shape, self.gain, self.bias, EPSILON)


class Highway(nn.Module):
    """The transform gate of a highway (Srivastava, Greff & Schmidhuber 2015, arXiv:1505.00387, equation 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(width, width)), nn.Parameter(torch.zeros(width))

    def forward(self, read: Tensor, below: Tensor, output: Tensor) -> Tensor:
        """t * output + (1 - t) * below, where t is the gate's value for the layer's input `read`."""
        transform = torch.sigmoid(read @ self.weight + self.bias)
        return transform * output + (1 - transform) * below
