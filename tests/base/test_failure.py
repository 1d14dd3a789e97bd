from types import SimpleNamespace

import pytest

from sknets.base._failure import unchanged_on_failure


def change_and_raise(estimator, error):
    with unchanged_on_failure(estimator):
        estimator.fitted_ = "new"
        estimator.other_ = 1
        del estimator.alpha
        raise error("stop")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_the_attributes_of_before(error):
    estimator = SimpleNamespace(alpha=1, fitted_="old")

    with pytest.raises(error, match="stop"):
        change_and_raise(estimator, error)

    assert vars(estimator) == {"alpha": 1, "fitted_": "old"}


def test_a_block_that_ends_well_keeps_what_it_set():
    estimator = SimpleNamespace(alpha=1)

    with unchanged_on_failure(estimator):
        estimator.fitted_ = "new"

    assert vars(estimator) == {"alpha": 1, "fitted_": "new"}
