import numpy as np
import pytest
import torch

from sknets import MLPClassifier
from sknets._device import Precision, is_available, resolve_device, resolve_precision
from sknets.exceptions import DeviceNotAvailableError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine with so many cuda devices, with or without mps."""

    def pretend(n_cuda=0, has_mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_mps)

    return pretend


@pytest.mark.parametrize(
    ("n_cuda", "has_mps", "expected"), [(2, True, "cuda"), (1, False, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_prefers_cuda_then_mps_then_the_cpu(machine, n_cuda, has_mps, expected):
    machine(n_cuda, has_mps)

    assert resolve_device("auto").type == expected


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_the_cpu_is_always_there(machine, device):
    machine()

    assert resolve_device(device) == CPU


@pytest.mark.parametrize("device", ["cuda:1", torch.device("cuda", 1), "cuda", "mps"])
def test_a_device_that_is_there_is_taken_as_it_is(machine, device):
    machine(n_cuda=2, has_mps=True)

    assert resolve_device(device) == torch.device(device)


@pytest.mark.parametrize("device", ["gpu", "tpu:0", "cuda:x", ""])
def test_a_name_that_torch_does_not_know_is_refused_with_the_choices(device):
    with pytest.raises(
        ValueError, match=rf"device must be 'auto' or a device that torch knows.*'cuda:1'.*got {device!r}"
    ):
        resolve_device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda"), "mps", "xpu"])
def test_a_device_that_is_not_there_is_refused_with_what_there_is(machine, device):
    machine()

    with pytest.raises(
        DeviceNotAvailableError,
        match=rf"device='{device}' is not available: this machine has 'cpu'\. Use device='auto'",
    ):
        resolve_device(device)


def test_an_index_beyond_the_last_device_is_refused_with_all_there_are(machine):
    machine(n_cuda=2, has_mps=True)

    with pytest.raises(DeviceNotAvailableError, match=r"'cuda:2' is not available.*'cpu', 'cuda:0', 'cuda:1', 'mps'\."):
        resolve_device("cuda:2")


def test_a_missing_device_is_a_value_error_for_those_who_do_not_know_sknets():
    assert issubclass(DeviceNotAvailableError, ValueError)


def test_a_missing_device_reaches_the_user_of_an_estimator(machine, rng):
    machine()

    with pytest.raises(DeviceNotAvailableError, match=r"device='cuda:3' is not available.*device='cpu'"):
        MLPClassifier(device="cuda:3").fit(rng.normal(size=(10, 2)), np.arange(10) % 2)


def test_the_meta_device_is_not_one_to_train_on():
    assert not is_available(torch.device("meta"))


@pytest.mark.parametrize(
    ("X_dtype", "device", "expected"),
    [
        (np.float64, CPU, torch.float64),
        (np.float32, CPU, torch.float32),
        (np.float64, CUDA, torch.float32),
        (np.float32, CUDA, torch.float32),
        (np.float64, MPS, torch.float32),
    ],
)
def test_auto_follows_x_on_the_cpu_and_is_single_elsewhere(X_dtype, device, expected):
    assert resolve_precision("auto", np.dtype(X_dtype), device) == Precision(expected)


@pytest.mark.parametrize("device", [CPU, CUDA])
@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("X_dtype", [np.float32, np.float64])
def test_a_named_precision_does_not_ask_x(name, X_dtype, device):
    assert resolve_precision(name, np.dtype(X_dtype), device) == Precision(getattr(torch, name))


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_bfloat16_keeps_single_parameters_and_computes_in_half(device):
    assert resolve_precision("bfloat16", np.dtype(np.float64), device) == Precision(torch.float32, torch.bfloat16)


def test_mps_has_no_double_precision_and_says_what_to_do():
    with pytest.raises(ValueError, match=r"precision='float64'.*got device 'mps'.*precision='float32' or device='cpu'"):
        resolve_precision("float64", np.dtype(np.float64), MPS)
