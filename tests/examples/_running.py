"""Run an example as a user would, and check what it leaves."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, folder, *arguments, has_data=False):
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    if not has_data:
        environment.pop("SKNETS_DATA", None)  # the demo takes scikit-learn's digits then
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )


def check(result, words, folder):
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert [word for word in words if word not in result.stdout] == []
    (picture,) = folder.iterdir()
    assert str(picture) in result.stdout
    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.05
