import pytest
from sklearn.base import clone

from tests.contract._cases import CLASSIFIERS, FIVE, STEPWISE, make_rows, name_of


@pytest.fixture(params=FIVE, ids=name_of)
def estimator(request):
    return clone(request.param)


@pytest.fixture(params=STEPWISE, ids=name_of)
def stepwise(request):
    return clone(request.param)


@pytest.fixture(params=CLASSIFIERS, ids=name_of)
def classifier(request):
    return clone(request.param)


@pytest.fixture
def X(rng):
    return make_rows(rng)
