import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state

from sknets._randomness import draw_seed, make_random_state, make_torch_generator

CPU = torch.device("cpu")


@pytest.fixture
def numpys_own_generator():
    """numpy's global generator, given back as it was."""
    generator = check_random_state(None)
    state = generator.get_state()
    yield generator
    generator.set_state(state)


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.int32(3), np.uint8(200)])
def test_an_integer_is_its_own_seed(seed):
    drawn = draw_seed(seed)

    assert drawn == seed
    assert type(drawn) is int


def test_a_generator_gives_its_next_number():
    drawn = draw_seed(np.random.RandomState(5))

    assert drawn == np.random.RandomState(5).randint(np.iinfo(np.int32).max)


def test_a_generator_gives_another_seed_to_the_next_fit():
    generator = np.random.RandomState(5)

    assert draw_seed(generator) != draw_seed(generator)


def test_none_stands_for_numpys_own_generator(numpys_own_generator):
    numpys_own_generator.seed(11)
    expected = np.random.RandomState(11).randint(np.iinfo(np.int32).max)

    assert draw_seed(None) == expected


def test_an_integer_leaves_numpys_own_generator_alone(numpys_own_generator):
    numpys_own_generator.seed(11)

    draw_seed(3)

    assert numpys_own_generator.randint(1000) == np.random.RandomState(11).randint(1000)


@pytest.mark.parametrize("random_state", ["zero", 1.5, object()])
def test_anything_else_is_refused_as_scikit_learn_refuses_it(random_state):
    with pytest.raises(ValueError, match=r"cannot be used to seed a numpy\.random\.RandomState"):
        draw_seed(random_state)


def numbers(seed, purpose):
    return torch.rand(8, generator=make_torch_generator(seed, CPU, purpose)).tolist()


def test_the_same_seed_and_purpose_give_the_same_numbers():
    assert numbers(3, "dropout") == numbers(3, "dropout")


@pytest.mark.parametrize(("seed", "purpose"), [(4, "dropout"), (3, "augmentation"), (3, "dropouu")])
def test_another_seed_or_purpose_gives_other_numbers(seed, purpose):
    assert numbers(seed, purpose) != numbers(3, "dropout")


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**32 - 1])
def test_extreme_seeds_are_taken(seed):
    assert len(set(numbers(seed, "dropout"))) > 1


def test_making_a_generator_moves_neither_torchs_nor_numpys_own(numpys_own_generator):
    torch_before, numpy_before = torch.get_rng_state(), numpys_own_generator.get_state()

    torch.rand(3, generator=make_torch_generator(0, CPU, "dropout"))

    assert torch.equal(torch.get_rng_state(), torch_before)
    numpy_after = numpys_own_generator.get_state()
    np.testing.assert_array_equal(numpy_after[1], numpy_before[1])
    assert numpy_after[2] == numpy_before[2]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_random_state_is_numpys_own_of_its_seed(seed):
    made, expected = make_random_state(seed), np.random.RandomState(seed)

    for state in (made, pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        for own, numpys in zip(state.get_state(), expected.get_state(), strict=True):
            np.testing.assert_array_equal(own, numpys)


def test_a_seed_that_numpy_refuses_is_refused():
    with pytest.raises(ValueError, match=r"Seed must be between 0 and 2\*\*32 - 1"):
        make_random_state(2**32)
