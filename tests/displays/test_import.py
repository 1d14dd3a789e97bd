import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_importing_the_displays_loads_neither_matplotlib_nor_optuna():
    program = "import json, sys, sknets.displays; print(json.dumps([m for m in ('matplotlib', 'optuna') if m in sys.modules]))"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(finished.stdout) == []
