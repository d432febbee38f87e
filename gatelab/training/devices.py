"""Where training runs: the CPU, or a GPU that PyTorch drives.

PyTorch takes hundreds of MiB and seconds to import, and on the CPU nothing needs it. So a GPU's driver is looked for
first, and PyTorch is asked only where there is one, or where a GPU is wanted by name.
"""

from importlib.util import find_spec
from typing import Literal

from gatelab.errors import InvalidInput
from gatelab.machine import has_gpu_driver

Device = Literal["cpu", "cuda"]


def choose_device(wanted: Device | Literal["auto"]) -> Device:
    """`auto` takes the GPU where there is one.

    Raises:
        InvalidInput: a GPU is asked for by name, and there is none.
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
