"""Estimators inside scikit-learn's searches, ensembles and wrappers."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import FEW_EPOCHS, make_rows, make_targets, name_of

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

# Without a pool: each of four columns matters.
FOUR_PIXELS = {
    "channels": (8,),
    "pool": None,
    "hidden_layer_sizes": (),
    "learning_rate_init": 0.1,
    "random_state": 0,
}
CLASSIFIERS = [
    LogisticRegression(),
    Perceptron(random_state=0),
    MLPClassifier((8,), learning_rate_init=0.05, max_iter=15, random_state=0),
    CNNClassifier(**FOUR_PIXELS, max_iter=10),
]
WITH_PROBABILITIES = [CLASSIFIERS[0], *CLASSIFIERS[2:]]
REGRESSORS = [
    LinearRegression(),
    MLPRegressor(hidden_layer_sizes=(8,), learning_rate_init=0.1, max_iter=50, random_state=0),
    CNNRegressor(**FOUR_PIXELS, max_iter=30),
]
EVERY = [*CLASSIFIERS, *REGRESSORS]


@pytest.fixture(params=EVERY, ids=name_of)
def estimator(request):
    return clone(request.param)


@pytest.fixture(params=CLASSIFIERS, ids=name_of)
def classifier(request):
    return clone(request.param)


@pytest.fixture(params=WITH_PROBABILITIES, ids=name_of)
def probable(request):
    return clone(request.param)


@pytest.fixture(params=REGRESSORS, ids=name_of)
def regressor(request):
    return clone(request.param)


@pytest.fixture
def frame(rng):
    return pd.DataFrame(make_rows(rng, 90), columns=list("abcd"))


@pytest.fixture
def labels(frame):
    return pd.Series(np.where(frame["a"] + 0.3 * frame["b"] > 0, "warm", "cold"), name="weather")


@pytest.fixture
def numbers(frame):
    return frame["a"] - 2 * frame["b"] + 3


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_pipeline_in_a_grid_search_with_a_frame(n_jobs, frame, labels):
    clf = MLPClassifier((8,), max_iter=15, learning_rate_init=0.05, random_state=0)
    grid = {"mlpclassifier__alpha": [0, 1e-3], "mlpclassifier__hidden_layer_sizes": [(4,), (4, 4)]}

    search = GridSearchCV(make_pipeline(StandardScaler(), clf), grid, cv=5, n_jobs=n_jobs).fit(frame, labels)

    assert set(search.predict(frame)) == {"cold", "warm"}
    assert search.best_score_ > 0.8
    assert search.best_estimator_.feature_names_in_.tolist() == list("abcd")


@pytest.mark.slow
def test_a_search_in_two_jobs_finds_what_a_search_in_one_does(frame, labels):
    clf = MLPClassifier((8,), max_iter=15, dropout=0.2, early_stopping=True, random_state=0)
    searches = [
        GridSearchCV(make_pipeline(StandardScaler(), clf), {"mlpclassifier__alpha": [0, 1.0]}, cv=3, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]

    one, two = (search.fit(frame, labels) for search in searches)

    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(one.predict_proba(frame), two.predict_proba(frame))


def test_every_kind_of_parameter_can_be_searched(frame, labels):
    clf = MLPClassifier((4,), max_iter=2, random_state=0)
    choices = {
        "hidden_layer_sizes": [(), (3,), (3, 3)],
        "activation": ["tanh", "gelu"],
        "solver": ["adam", "sgd"],
        "dropout": [0.0, 0.5],
        "normalization": [None, "layer"],
        "class_weight": [None, "balanced", {"warm": 2.0}],
        "solver_params": [None, {"weight_decay": 0.1}],
    }

    search = RandomizedSearchCV(clf, choices, n_iter=8, cv=2, random_state=0, error_score="raise").fit(frame, labels)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_cross_validation_scores_every_fold(estimator, frame, labels, numbers):
    y = labels if is_classifier(estimator) else numbers

    scores = cross_val_score(estimator, frame, y, cv=3, error_score="raise")

    assert scores.shape == (3,)
    assert scores.mean() > 0.6


def test_cross_val_score_splits_classifiers_in_proportion(classifier, rng):
    # Sorted labels: folds that are not stratified would hold one class each, and LogisticRegression would refuse them.
    X, y = make_rows(rng), np.repeat([0, 1], 30)

    assert np.isfinite(cross_val_score(classifier, X, y, cv=2, error_score="raise")).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_out_of_fold_predictions_are_aligned(method, probable, frame, labels):
    out = cross_val_predict(probable, frame, labels, cv=3, method=method)

    assert len(out) == len(frame)
    if method == "predict_proba":
        np.testing.assert_allclose(out.sum(axis=1), 1)


def test_learning_curves_grow(estimator, frame, labels, numbers):
    y = labels if is_classifier(estimator) else numbers

    sizes, train, test = learning_curve(estimator, frame, y, cv=3, train_sizes=[0.3, 1.0], error_score="raise")

    assert sizes.tolist() == [18, 60]
    assert train.shape == test.shape == (2, 3)


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((4,), random_state=0),
        LogisticRegression(solver="adam", random_state=0),
        Perceptron(),
        CLASSIFIERS[3],
    ],
    ids=name_of,
)
def test_learning_curves_may_exploit_incremental_learning(estimator, frame, labels):
    _, train, _ = learning_curve(estimator, frame, labels, cv=3, exploit_incremental_learning=True, error_score="raise")

    assert np.isfinite(train).all()


def test_validation_curves_vary_a_parameter(frame, labels):
    train, test = validation_curve(
        LogisticRegression(), frame, labels, param_name="C", param_range=[1e-4, 1.0], cv=3, error_score="raise"
    )

    assert train[1].mean() > train[0].mean() - 1e-9
    assert test.shape == (2, 3)


def test_a_combination_that_fails_gets_the_error_score(frame, labels):
    search = GridSearchCV(
        MLPClassifier((4,), max_iter=2, random_state=0), {"dropout": [0.1, [0.1, 0.1]]}, cv=2, error_score=-1.0
    )

    with pytest.warns(sklearn.exceptions.FitFailedWarning, match=r"dropout must be .* got \[0.1, 0.1\]"):
        search.fit(frame, labels)

    assert search.cv_results_["mean_test_score"][1] == -1.0
    assert search.best_params_ == {"dropout": 0.1}


def test_bagging(estimator, frame, labels, numbers):
    bag_class, y = (BaggingClassifier, labels) if is_classifier(estimator) else (BaggingRegressor, numbers)

    bag = bag_class(estimator, n_estimators=3, random_state=0).fit(frame, y)

    assert bag.score(frame, y) > 0.6
    if "random_state" in estimator.get_params():
        assert len({member.random_state for member in bag.estimators_}) == 3


def test_boosting_weighs_rows(estimator, frame, labels, numbers):
    boost_class, y = (AdaBoostClassifier, labels) if is_classifier(estimator) else (AdaBoostRegressor, numbers)

    boost = boost_class(estimator, n_estimators=3, random_state=0).fit(frame, y)

    assert boost.score(frame, y) > 0.6


def test_voting(frame, labels, numbers):
    soft = VotingClassifier([(name_of(e), e) for e in WITH_PROBABILITIES], voting="soft").fit(frame, labels)
    hard = VotingClassifier([(name_of(e), e) for e in CLASSIFIERS]).fit(frame, labels)
    mean = VotingRegressor([(name_of(e), e) for e in REGRESSORS]).fit(frame, numbers)

    assert soft.score(frame, labels) > 0.8
    assert hard.score(frame, labels) > 0.8
    assert mean.score(frame, numbers) > 0.5


def test_stacking(frame, labels, numbers):
    stack = StackingClassifier([(name_of(e), e) for e in CLASSIFIERS], LogisticRegression(), cv=2).fit(frame, labels)
    ridge = StackingRegressor([(name_of(e), e) for e in REGRESSORS], LinearRegression(penalty="l2"), cv=2)

    assert stack.score(frame, labels) > 0.8
    assert ridge.fit(frame, numbers).score(frame, numbers) > 0.9


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(method, classifier, frame, labels):
    calibrated = CalibratedClassifierCV(classifier, method=method, cv=2).fit(frame, labels)

    np.testing.assert_allclose(calibrated.predict_proba(frame).sum(axis=1), 1)
    assert calibrated.score(frame, labels) > 0.7


@pytest.mark.parametrize("wrapper", [OneVsRestClassifier, OneVsOneClassifier])
def test_one_against_others(wrapper, classifier, frame):
    y = np.array(["x", "y", "z"])[make_targets(classifier, frame.to_numpy(), 3)]

    clf = wrapper(classifier).fit(frame, y)

    assert clf.predict(frame).shape == y.shape
    assert clf.score(frame, y) > 0.5


def test_multi_output_wrappers(estimator, frame, labels, numbers):
    if is_classifier(estimator):
        Y = np.column_stack([labels == "warm", frame["b"] > 0]).astype(int)
        wrapped = MultiOutputClassifier(estimator).fit(frame, Y)
        assert ClassifierChain(estimator).fit(frame.to_numpy(), Y).predict(frame.to_numpy()).shape == Y.shape
    else:
        Y = np.column_stack([numbers, frame["b"]])
        wrapped = MultiOutputRegressor(estimator).fit(frame, Y)

    assert wrapped.predict(frame).shape == Y.shape


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_targets_are_transformed_and_back(n_outputs, regressor, frame, numbers):
    y = np.exp(0.3 * np.column_stack([numbers, frame["b"]])[:, :n_outputs]).squeeze()

    reg = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp).fit(frame, y)

    assert reg.predict(frame).shape == y.shape
    assert reg.score(frame, y) > 0.3


def test_linear_models_select_features(frame, labels, numbers):
    for estimator, y in [(LogisticRegression(), labels), (LinearRegression(), numbers), (Perceptron(), labels)]:
        assert RFE(estimator, n_features_to_select=2).fit(frame, y).support_.sum() == 2
        assert SelectFromModel(estimator, max_features=2, threshold=-np.inf).fit(frame, y).get_support().sum() == 2


def test_permutation_importance_finds_the_column_that_matters(frame, numbers):
    reg = LinearRegression().fit(frame, numbers)

    importance = permutation_importance(reg, frame, numbers, n_repeats=3, random_state=0).importances_mean

    assert importance.argmax() == 1
    assert importance[2:].max() < 1e-6


def test_a_column_transformer_before_a_network(frame, labels):
    frame = frame.assign(colour=np.where(frame["c"] > 0, "red", "blue"))
    columns = make_column_transformer((StandardScaler(), list("abcd")), (OneHotEncoder(), ["colour"]))

    pipeline = make_pipeline(columns, MLPClassifier((8,), learning_rate_init=0.05, max_iter=30, random_state=0))

    assert pipeline.fit(frame, labels).score(frame, labels) > 0.9


def test_sample_weights_are_routed_through_a_search(estimator, frame, labels, numbers, rng):
    y = labels if is_classifier(estimator) else numbers
    weights = np.where(rng.random(len(frame)) < 0.5, 0.0, 1.0)
    parameter = "tol" if isinstance(estimator, Perceptron) else "max_iter"
    value = getattr(estimator, parameter)

    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(estimator).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        search = GridSearchCV(make_pipeline(scaler, asking), {f"{name_step(asking)}__{parameter}": [value]}, cv=2)
        search.fit(frame, y, sample_weight=weights)

    scaled = StandardScaler().fit_transform(frame)
    by_hand = clone(estimator).fit(scaled, y, sample_weight=weights)
    np.testing.assert_array_equal(search.predict(frame), by_hand.predict(scaled))


def name_step(estimator):
    return type(estimator).__name__.lower()


def test_weights_that_nobody_asked_for_are_refused_by_routing(estimator, frame, labels, numbers):
    y = labels if is_classifier(estimator) else numbers

    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match=r"sample_weight.*not explicitly set"),
    ):
        cross_validate(estimator, frame, y, params={"sample_weight": np.ones(len(y))}, error_score="raise")


def test_groups_stay_together(classifier, frame, labels):
    scores = cross_val_score(
        classifier, frame, labels, groups=np.arange(90) // 10, cv=GroupKFold(3), error_score="raise"
    )

    assert scores.shape == (3,)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", "f1_macro", "neg_brier_score"])
def test_scikit_learns_scorers_read_the_predictions(scoring, probable, frame, labels):
    ours = cross_val_score(probable, frame, labels == "warm", scoring=scoring, cv=3, error_score="raise")

    theirs = cross_val_score(TheirLogisticRegression(), frame, labels == "warm", scoring=scoring, cv=3)
    assert np.isfinite(ours).all()
    if isinstance(probable, LogisticRegression):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2)
