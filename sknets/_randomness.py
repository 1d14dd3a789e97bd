"""Random numbers that belong to one fit, so that neither the caller nor another thread can disturb them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state

# Of torch's global generator there is one for all threads. The same thread may seed it within a seeded block.
_global_generator_lock = threading.RLock()


def draw_seed(random_state: Any) -> int:
    """Return the seed of one fit: the integer itself, or one number drawn from the generator that was given.

    None stands for numpy's global generator, as everywhere in scikit-learn.
    """
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def make_random_state(seed: int) -> np.random.RandomState:
    """Return ``RandomState(seed)``, in half the time.

    numpy first seeds it from the system, which takes as long as all checks of a small fit's X.
    """
    bits = np.random.MT19937(_NoEntropy())  # type: ignore[arg-type]  # stubs name one of numpy's kinds only
    random = np.random.RandomState(bits)
    random.seed(seed)
    return random


class _NoEntropy(ISeedSequence):
    """Fills a state that is about to be overwritten."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.zeros(n_words, dtype)


def make_torch_generator(seed: int, device: torch.device, purpose: str) -> torch.Generator:
    """Return a generator of its own for one purpose (dropout, augmentation...) of one fit."""
    entropy = [seed, *purpose.encode()]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


@contextmanager
def seeded_global_generator(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generator inside the block and give it its state back; one thread at a time."""
    devices = [device] if device.type == "cuda" else []
    with _global_generator_lock, torch.random.fork_rng(devices=devices):
        # torch.manual_seed moves the generators of all devices; on the CPU only one of them is put back.
        (torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed)(seed)
        yield
