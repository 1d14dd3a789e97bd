"""scikit-learn's test_mlp.py, run against sknets' MLPClassifier and MLPRegressor."""

import pytest

from tests.sklearn_suites._mlp import MLP
from tests.sklearn_suites._suite import load_suite

load_suite(MLP, globals())

# In scikit-learn's setup a fit that stops at max_iter may warn, and many of these tests stop early on purpose. Every
# other warning stays an error.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
