import pytest
from sklearn.base import clone

from tests.contract._cases import CLASSIFIERS, ONE_EACH, STEPWISE, make_rows, name_of


@pytest.fixture(params=ONE_EACH, ids=name_of)
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
