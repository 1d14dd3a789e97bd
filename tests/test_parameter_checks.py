import pytest

from sknets import MLPClassifier
from sknets._parameter_checks import check_parameters

BAD_VALUES = {"alpha": -1.0, "solver": "newton", "batch_size": 0, "shuffle": "yes", "random_state": "seed"}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_changed_parameter_is_checked(name):
    estimator = MLPClassifier(**{name: BAD_VALUES[name]})

    with pytest.raises(ValueError, match=f"'{name}' parameter of MLPClassifier must be"):
        check_parameters(estimator)


def test_a_default_that_the_table_refuses_is_checked_like_any_value():
    class Misguided(MLPClassifier):
        def __init__(self, alpha=-1.0):
            super().__init__(alpha=alpha)

    with pytest.raises(ValueError, match=r"'alpha' parameter of Misguided must be .* Got -1\.0"):
        check_parameters(Misguided())
    check_parameters(Misguided(alpha=1.0))
