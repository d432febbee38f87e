"""The device of training, and that PyTorch is not imported on a machine without a GPU."""

from pathlib import Path

import pytest
import torch

from gatelab import machine
from gatelab.errors import InvalidInput
from gatelab.machine import cores, has_gpu_driver
from gatelab.training import devices
from gatelab.training.devices import choose_device, describe, free_memory


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for driver, there, expected in ((False, True, "cpu"), (True, False, "cpu"), (True, True, "cuda")):
        monkeypatch.setattr(devices, "has_gpu_driver", lambda driver=driver: driver)
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto") == expected
        assert choose_device("cpu") == "cpu"


def test_a_gpu_that_is_asked_for_by_name_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("cuda") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidInput, match="GATELAB_DEVICE"):
        choose_device("cuda")


def test_a_gpu_is_of_no_use_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    monkeypatch.setattr(devices, "has_gpu_driver", lambda: True)
    assert choose_device("auto") == "cpu"
    with pytest.raises(InvalidInput, match="GATELAB_DEVICE"):
        choose_device("cuda")


def test_the_cpu_needs_no_words_and_bounds_no_pack() -> None:
    assert describe("cpu") == "cpu"
    assert free_memory("cpu") == 0


def test_a_driver_is_seen_by_its_device_or_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "nvidiactl"
    monkeypatch.setattr(machine, "GPU_DEVICES", (device,))

    def no_library(name: str) -> object:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert not has_gpu_driver()
    device.touch()
    assert has_gpu_driver()
    device.unlink()
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert has_gpu_driver()


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("5,2", 5)])
def test_the_usual_variable_bounds_the_threads(value: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores() == expected


@pytest.mark.parametrize("value", ["", "0", "many", "-1"])
def test_without_it_there_is_a_thread_for_each_core(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert 1 <= cores() <= 4096
