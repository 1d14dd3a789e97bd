import subprocess
import sys

import pytest


@pytest.mark.slow
def test_importing_the_displays_loads_neither_matplotlib_nor_optuna():
    program = "import sys, sknets.displays; print({'matplotlib', 'optuna'} & {*sys.modules})"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert finished.stdout.strip() == "set()"
