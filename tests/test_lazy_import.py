import json
import subprocess
import sys

import pytest

import sknets

HEAVY = ["torch", "skorch", "sklearn", "torchvision", "optuna", "matplotlib", "pandas", "numpy", "scipy", "numba"]


def in_a_fresh_python(program):
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(finished.stdout)


def test_importing_sknets_loads_no_heavy_package():
    program = "import json, sys, sknets; print(json.dumps([m.split('.')[0] for m in sys.modules]))"

    loaded = set(in_a_fresh_python(program))

    assert "sknets" in loaded
    assert not loaded & set(HEAVY)


def test_looking_at_the_contents_loads_no_heavy_package():
    program = (
        "import json, sys, sknets; dir(sknets); sknets.__all__; sknets.__version__; hasattr(sknets, 'nothing');"
        "print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    )

    assert not set(in_a_fresh_python(program)) & set(HEAVY)


@pytest.mark.slow
def test_a_door_opens_where_its_name_is_first_used():
    program = (
        "import json, sys, sknets; before = 'torch' in sys.modules; estimator = sknets.Perceptron();"
        "print(json.dumps([before, 'torch' in sys.modules, type(estimator).__module__]))"
    )

    before, after, module = in_a_fresh_python(program)

    assert not before
    assert after
    assert module.startswith("sknets.linear_model")


@pytest.mark.slow
def test_an_estimator_needs_neither_plots_nor_searches_nor_images_nor_a_compiler():
    program = (
        "import json, sys; from sknets import MLPClassifier; MLPClassifier();"
        "print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    )

    assert not {"matplotlib", "optuna", "torchvision", "numba", "llvmlite"} & set(in_a_fresh_python(program))


@pytest.mark.slow
def test_only_the_training_that_needs_the_compiler_loads_it():
    program = """
import json, sys, warnings
from sknets import MLPClassifier

def loads_numba(**parameters):
    MLPClassifier(max_iter=1, **parameters).fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    return "numba" in sys.modules

warnings.simplefilter("ignore")
print(json.dumps([loads_numba(solver="lbfgs"), loads_numba(normalization="batch"), loads_numba()]))
"""

    assert in_a_fresh_python(program) == [False, False, True]


@pytest.mark.parametrize("name", sknets.__all__)
def test_every_public_name_is_there(name):
    assert getattr(sknets, name) is not None
    assert name in dir(sknets)


def test_contents_are_sorted_and_hold_what_is_already_loaded():
    names = dir(sknets)

    assert names == sorted(set(names))
    assert set(sknets.__all__) <= set(names)


def test_a_second_use_gives_the_same_object():
    assert sknets.MLPClassifier is sknets.neural_network.MLPClassifier


@pytest.mark.parametrize("name", ["MLPClasifier", "torch", "_net"])
def test_an_unknown_name_is_an_attribute_error_with_that_name(name):
    with pytest.raises(AttributeError, match=rf"module 'sknets' has no attribute '{name}'"):
        getattr(sknets, name)


def test_importing_an_unknown_name_is_an_import_error():
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        from sknets import Nothing  # noqa: F401
