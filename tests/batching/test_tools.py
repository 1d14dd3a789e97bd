import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sknets import CNNClassifier, LinearRegression, MLPRegressor
from sknets.batching import batched_fits
from tests.batching._tasks import small

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LOSS = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False)
GRID = {"mlpclassifier__alpha": [0.0, 0.1], "mlpclassifier__hidden_layer_sizes": [(4,), (6, 3)]}


def pipeline(**parameters):
    return make_pipeline(StandardScaler(), small(**parameters))


def search(n_jobs=None, **options):
    return GridSearchCV(pipeline(), GRID, cv=3, scoring=LOSS, n_jobs=n_jobs, **options)


def by_search(X, y, n_jobs=None):
    fitted = search(n_jobs).fit(X, y)
    return fitted.cv_results_["mean_test_score"], fitted.predict_proba(X)


def by_randomized_search(X, y):
    found = RandomizedSearchCV(pipeline(), GRID, n_iter=3, cv=3, scoring=LOSS, random_state=0).fit(X, y)
    return found.cv_results_["mean_test_score"]


def by_cross_validate(X, y):
    scores = cross_validate(pipeline(), X, y, cv=4, scoring=LOSS, return_train_score=True)
    return scores["test_score"], scores["train_score"]


def by_learning_curve(X, y):
    return learning_curve(pipeline(), X, y, cv=3, train_sizes=[0.5, 1.0], scoring=LOSS, shuffle=True, random_state=0)


def by_validation_curve(X, y):
    return validation_curve(small(), X, y, param_name="alpha", param_range=[0.0, 1.0], cv=3, scoring=LOSS)


def by_cross_val_predict(X, y):
    return cross_val_predict(pipeline(), X, y, cv=3, method="predict_proba")


def by_bagging(X, y):
    return BaggingClassifier(small(random_state=None), n_estimators=4, random_state=0).fit(X, y).predict_proba(X)


def by_stacking(X, y):
    parts = [("one", small()), ("other", pipeline(random_state=1))]
    return StackingClassifier(parts, LogisticRegression(), cv=3).fit(X, y).predict_proba(X)


def by_voting(X, y):
    return VotingClassifier([("one", small()), ("two", small(alpha=1.0))], voting="soft").fit(X, y).predict_proba(X)


def by_one_vs_rest(X, y):
    return OneVsRestClassifier(small()).fit(X, y).predict_proba(X)


def by_one_vs_one(X, y):
    return OneVsOneClassifier(small()).fit(X, y).decision_function(X)


def by_multi_output_classifier(X, y):
    return np.array(MultiOutputClassifier(small()).fit(X, np.c_[y, y == 0, y == 1]).predict_proba(X)[0])


def by_multi_output_regressor(X, y):
    regressor = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)
    return MultiOutputRegressor(regressor).fit(X, X**2).predict(X)


def by_chain(X, y):
    return ClassifierChain(small(), cv=3, random_state=0).fit(X, np.c_[y == 0, y == 1]).predict_proba(X)


def by_calibration(X, y):
    return CalibratedClassifierCV(small(), cv=3).fit(X, y).predict_proba(X)


def by_feature_elimination(X, y):
    regressor = LinearRegression(solver="adam", max_iter=3, random_state=0)
    return RFECV(regressor, cv=3).fit(X, y).cv_results_["mean_test_score"]


def by_column_transformer(X, y):
    columns = make_column_transformer((StandardScaler(), [0, 1]), (MinMaxScaler(), [2, 3]))
    model = make_pipeline(FeatureUnion([("a", columns), ("b", StandardScaler())]), small())
    return cross_val_score(model, X, y, cv=3, scoring=LOSS)


def by_forest(X, y):
    return cross_val_score(RandomForestClassifier(5, random_state=0), X, y, cv=3, scoring=LOSS)


def by_importance(X, y):
    return permutation_importance(small().fit(X, y), X, y, n_repeats=2, random_state=0).importances


def by_search_of_bagging(X, y):
    bagging = BaggingClassifier(small(), n_estimators=3, random_state=0)
    return GridSearchCV(bagging, {"max_samples": [0.5, 0.9]}, cv=3, scoring=LOSS).fit(X, y).best_score_


def by_nested_cross_validation(X, y):
    return cross_val_score(search(), X, y, cv=2, scoring=LOSS)


def by_search_within_one_vs_rest_within_scores(X, y):
    inner = GridSearchCV(small(), {"alpha": [0.0, 1.0]}, cv=2)
    return cross_val_score(OneVsRestClassifier(inner), X, y, cv=2, scoring=LOSS)


def by_cnn(X, y):
    network = CNNClassifier(channels=(2,), hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    return cross_val_score(network, X, y, cv=3, scoring=LOSS)


TOOLS = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
def test_results_are_those_of_training_one_by_one(tool, data):
    outside = tool(*data)

    with batched_fits():
        inside = tool(*data)

    for one, other in zip(outside, inside, strict=True) if isinstance(outside, tuple) else [(outside, inside)]:
        assert_allclose(other, one, rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_every_number_of_jobs_is_batched(n_jobs, data, engine):
    expected = by_search(*data)

    with batched_fits() as report:
        scores = by_search(*data, n_jobs=n_jobs)

    assert_allclose(scores[0], expected[0], rtol=1e-6)
    assert engine.stacks == [6, 6]
    assert report.stack_sizes == [6, 6]


def test_each_estimator_of_a_bagging_ensemble_is_a_task_of_its_own(data, engine):
    with batched_fits():
        by_bagging(*data)
        BaggingClassifier(small(), n_estimators=6, n_jobs=2, random_state=0).fit(*data)

    assert engine.stacks == [4, 6]


def test_feature_elimination_is_batched_though_it_asks_for_the_number_of_jobs(data, engine):
    with batched_fits():
        by_feature_elimination(*data)

    # Three folds eliminate down to one column, in step; then come the eliminations of the whole table, by themselves.
    assert engine.stacks[:4] == [3, 3, 3, 3]


def test_tools_within_tools_share_stacks(data, engine):
    with batched_fits() as report:
        by_search_of_bagging(*data)

    # Two candidates in three folds of three networks, and the ensemble that is fitted in the end.
    assert engine.stacks == [18, 3]
    assert report.n_alone == 0


def test_a_task_that_fits_several_times_joins_the_others_each_time(data, engine):
    with batched_fits():
        cross_val_score(ClassifierChain(small(), order=[0, 1]), data[0], np.c_[data[1] == 0, data[1] == 1], cv=3)

    assert sum(engine.stacks) == 6
    assert max(engine.stacks) == 3


def test_tools_without_networks_work_and_report_nothing(data):
    with batched_fits() as report:
        by_forest(*data)

    assert report.n_fits == 0


def test_search_with_refit_leaves_the_same_best_estimator(data):
    expected = search().fit(*data)

    with batched_fits():
        found = search().fit(*data)

    assert found.best_params_ == expected.best_params_
    for one, other in zip(expected.best_estimator_[-1].coefs_, found.best_estimator_[-1].coefs_, strict=True):
        assert_allclose(other, one, rtol=1e-6)


def test_without_random_state_networks_draw_their_seeds_in_the_order_of_the_tasks(data):
    np.random.seed(0)  # noqa: NPY002  # the generator that random_state=None stands for
    expected = cross_val_score(small(random_state=None), *data, cv=4, scoring=LOSS)
    np.random.seed(0)  # noqa: NPY002

    with batched_fits():
        scores = cross_val_score(small(random_state=None), *data, cv=4, scoring=LOSS)

    assert_allclose(scores, expected, rtol=1e-6)


def test_groups_are_trained_apart(data, engine):
    with batched_fits():
        search(refit=False).fit(*data)

    assert engine.stacks == [6, 6]
