"""The device of training: the CPU, or a GPU that PyTorch drives.

Importing PyTorch takes seconds and hundreds of MiB, and on the CPU nothing needs it. So Gatelab first looks for a GPU's
driver, and asks PyTorch only if there is one or if a GPU is requested by name.
"""

from importlib.util import find_spec
from typing import Literal

from gatelab.errors import InvalidInput
from gatelab.machine import has_gpu_driver

Device = Literal["cpu", "cuda"]


def choose_device(wanted: Device | Literal["auto"]) -> Device:
    """`auto` takes the GPU if there is one.

    Raises:
        InvalidInput: a GPU is requested by name, and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not (has_gpu_driver() and _pytorch_finds_one())):
        return "cpu"
    if not _pytorch_finds_one():
        raise InvalidInput.at("GATELAB_DEVICE", "is cuda, but PyTorch finds no CUDA device here; use auto or cpu")
    return "cuda"


def describe(device: Device) -> str:
    """The device in words, for the run's record."""
    if device == "cpu":
        return "cpu"
    import torch

    return f"cuda ({torch.cuda.get_device_name()})"


def free_memory(device: Device) -> int:
    """Free bytes on the GPU; 0 for the CPU, whose memory bounds no pack."""
    if device == "cpu":
        return 0
    import torch

    return torch.cuda.mem_get_info()[0]


def _pytorch_finds_one() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
