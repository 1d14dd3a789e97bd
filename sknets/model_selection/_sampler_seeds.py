"""Samplers that propose the same trials for the same random_state."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler


def seed_sampler(sampler: BaseSampler, seed: int, number: int) -> None:
    """Seed all generators of a sampler for the trial of this number.

    So a trial depends on the seed, its number and the trials before it: a study that is resumed goes on as it would
    have, and several processes that share one, each with the same seed, do not propose the same trials.
    """
    for index, generator in enumerate(_generators(sampler)):
        entropy = np.random.SeedSequence([seed, number, index])
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = type(generator.bit_generator)(entropy).state
        else:
            generator.seed(entropy.generate_state(1)[0])


def copy_sampler(sampler: BaseSampler, seed: int) -> BaseSampler:
    """Return a sampler of the search's own."""
    own = copy.deepcopy(sampler)
    if isinstance(getattr(own, "_seed", None), int | np.integer):
        # Quasi-random sequences, and grids, are drawn once for a study. Only those samplers have the attribute.
        own._seed = seed  # type: ignore[attr-defined]
    return own


def _generators(holder: Any) -> Iterator[Any]:
    """Find the random generators of a sampler and of the samplers in it."""
    for value in vars(holder).values():
        generator = getattr(value, "rng", value)
        if isinstance(generator, np.random.RandomState | np.random.Generator):
            yield generator
        elif isinstance(value, BaseSampler):
            yield from _generators(value)
