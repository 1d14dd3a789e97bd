"""scikit-learn's test_logistic.py, run against sknets' LogisticRegression."""

import pytest

from tests.sklearn_suites._logistic import LOGISTIC
from tests.sklearn_suites._suite import load_suite

load_suite(LOGISTIC, globals())

# The file's own filter stays. scikit-learn's setup makes no error of the two kinds of warning ignored here: a fit may
# stop at max_iter (a test that forbids it has a mark of its own, which wins over this one), and tests of the deprecated
# `penalty` leave `l1_ratio` at a default that contradicts it. Every other warning stays an error.
pytestmark = [
    globals()["pytestmark"],
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Inconsistent values. penalty=l1 with l1_ratio=:UserWarning"),
]
