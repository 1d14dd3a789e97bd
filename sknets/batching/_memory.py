"""How much memory the networks that wait for training may take."""

import os
from pathlib import Path

import torch

# The tasks keep rows of their own beside those that count here (a fold's copy, its test rows, what a pipeline made of
# them), so that a quarter of the free memory for the networks leaves enough for all.
FREE_SHARE = 0.25

# Where a system does not say what is free.
ASSUMED_FREE_BYTES = 4 * 2**30


def default_limit(device: torch.device) -> int:
    """Return the bytes that waiting networks may take on ``device``: a quarter of what is free now."""
    return int(FREE_SHARE * free_bytes(device))


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device; 4 GiB where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return _available_on_linux() or _free_pages() or ASSUMED_FREE_BYTES


def _available_on_linux() -> int:
    # Free pages alone would leave out the file cache, which takes most of the memory in time.
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    kibibytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return 1024 * kibibytes[0] if kibibytes else 0


def _free_pages() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # no such function, no such name
        return 0
