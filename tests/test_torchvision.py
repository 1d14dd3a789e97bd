import json
import subprocess
import sys
from types import ModuleType

import pytest

from sknets import _torchvision
from sknets._torchvision import import_torchvision

MISMATCH = RuntimeError("operator torchvision::nms does not exist")


class FakeImport:
    """An import of torchvision that fails with the given errors, one a time, and then works."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.n_calls = 0

    def __call__(self):
        self.n_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return ModuleType("torchvision")


@pytest.fixture
def install(monkeypatch):
    """Put a fake import in place and record what would be declared."""
    declared = []

    def install_fake(*errors):
        fake = FakeImport(*errors)
        monkeypatch.setattr(_torchvision, "_import", fake)
        monkeypatch.setattr(_torchvision, "_library", None)
        monkeypatch.setattr(_torchvision, "_declare_missing_operators", lambda: declared.append("operators"))
        return fake, declared

    return install_fake


def test_transforms_and_models_are_loaded():
    torchvision = import_torchvision()

    assert callable(torchvision.transforms.v2.RandomCrop)
    assert callable(torchvision.models.resnet18)


def test_a_second_call_returns_the_same_module():
    assert import_torchvision() is import_torchvision() is sys.modules["torchvision"]


def test_an_import_that_works_declares_nothing(install):
    fake, declared = install()

    import_torchvision()

    assert (fake.n_calls, declared) == (1, [])


def test_operators_that_do_not_fit_torch_are_declared_once(install):
    fake, declared = install(MISMATCH)

    assert import_torchvision().__name__ == "torchvision"
    assert (fake.n_calls, declared) == (2, ["operators"])


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA driver is too old"),
        RuntimeError("operator aten::nms does not exist"),
        RuntimeError("operator torchvision::nms is already registered"),
        ImportError("No module named 'torchvision'"),
        OSError("libjpeg.so: cannot open shared object file"),
    ],
    ids=str,
)
def test_another_failure_declares_nothing_and_is_raised(install, error):
    fake, declared = install(error)

    with pytest.raises(type(error), match=str(error)):
        import_torchvision()

    assert (fake.n_calls, declared) == (1, [])


def test_a_failure_after_the_declaration_is_raised(install):
    fake, declared = install(MISMATCH, RuntimeError("operator torchvision::roi_align does not exist"))

    with pytest.raises(RuntimeError, match="roi_align"):
        import_torchvision()

    assert (fake.n_calls, declared) == (2, ["operators"])


def test_operators_are_not_declared_twice(install, monkeypatch):
    _, declared = install(MISMATCH)
    monkeypatch.setattr(_torchvision, "_library", object())

    with pytest.raises(RuntimeError, match="does not exist"):
        import_torchvision()

    assert declared == []


def in_a_fresh_python(program):
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(finished.stdout)


@pytest.mark.slow
def test_a_build_that_does_not_fit_torch_still_transforms_images():
    # Where its compiled part cannot be loaded, torchvision's import stops as it does beside another build of torch.
    program = """
import json, torch
def refuse(path):
    raise OSError(path)
torch.ops.load_library = refuse
try:
    import torchvision
    plain = "works"
except RuntimeError as error:
    plain = str(error)
from sknets._torchvision import import_torchvision
v2 = import_torchvision().transforms.v2
flipped = v2.RandomHorizontalFlip(p=1)(torch.arange(3).reshape(1, 1, 1, 3))
model = import_torchvision().models.resnet18(weights=None)
print(json.dumps([plain, flipped.flatten().tolist(), type(model).__name__]))
"""

    plain, flipped, model = in_a_fresh_python(program)

    assert "torchvision::nms does not exist" in plain
    assert flipped == [2, 1, 0]
    assert model == "ResNet"


@pytest.mark.slow
def test_neither_transformers_nor_layers_load_torchvision():
    program = "import json, sys, sknets.preprocessing, sknets.nn; print(json.dumps('torchvision' in sys.modules))"

    assert not in_a_fresh_python(program)
