import subprocess
import sys

import pytest


@pytest.mark.slow
def test_importing_the_data_sets_loads_nothing_that_only_some_of_them_use():
    heavy = {"torch", "torchvision", "PIL", "rich", "matplotlib"}
    program = f"import sys, sknets.datasets; print({heavy} & {{*sys.modules}})"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == "set()"
