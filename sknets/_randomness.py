"""Random numbers that belong to one fit, so that neither the caller nor another thread can disturb them."""

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state


def draw_seed(random_state: Any) -> int:
    """Return the seed of one fit: the integer itself, or one number drawn from the generator that was given.

    None stands for numpy's global generator, as everywhere in scikit-learn.
    """
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def make_torch_generator(seed: int, device: torch.device, purpose: str) -> torch.Generator:
    """Return a generator of its own for one purpose (dropout, augmentation...) of one fit."""
    entropy = [seed, *purpose.encode()]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
