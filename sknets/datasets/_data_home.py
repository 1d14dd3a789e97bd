"""The folder in which data sets lie."""

import os
from pathlib import Path

DATA_HOME_VARIABLE = "SKNETS_DATA"

DEFAULT_DATA_HOME = "~/sknets_data"


def find_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return ``data_home``, or what the variable ``SKNETS_DATA`` says, or ``~/sknets_data``; it need not exist."""
    return Path(data_home or os.environ.get(DATA_HOME_VARIABLE) or DEFAULT_DATA_HOME).expanduser()
