"""Validation rows: those that the caller gives, those that early stopping holds out, and the weights that it keeps."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from tests.contract._cases import (
    FEW_EPOCHS,
    ONE_EACH,
    STEPWISE_CNN,
    assert_same_bits,
    make_rows,
    make_targets,
    name_of,
    raw_outputs,
)

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

NETWORKS = [
    MLPClassifier((16,), learning_rate_init=0.05, batch_size=16, max_iter=12, random_state=0),
    MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.05, batch_size=16, max_iter=12, random_state=0),
    MLPRegressor("poisson", hidden_layer_sizes=(16,), learning_rate_init=0.05, max_iter=12, random_state=0),
    CNNClassifier(**{**STEPWISE_CNN, "learning_rate_init": 0.05, "max_iter": 12}),
    CNNRegressor(**{**STEPWISE_CNN, "learning_rate_init": 0.05, "max_iter": 12, "loss": "huber"}),
    LogisticRegression(solver="sgd", learning_rate_init=0.5, batch_size=16, max_iter=12, random_state=0),
    LinearRegression(solver="adam", learning_rate_init=0.3, batch_size=16, max_iter=12, random_state=0),
    Perceptron(max_iter=12, random_state=0),
]
EVERY = [
    *ONE_EACH,
    *NETWORKS,
    MLPClassifier((8,), solver="lbfgs", max_iter=8, random_state=0),
    LinearRegression(penalty="l1"),
]


@pytest.fixture(params=EVERY, ids=name_of)
def estimator(request):
    return clone(request.param)


@pytest.fixture(params=NETWORKS, ids=name_of)
def network(request):
    return clone(request.param)


def rows_for(estimator, rng, n=60):
    X = make_rows(rng, n)
    y = make_targets(estimator, X)
    if is_classifier(estimator):
        y = np.where(rng.random(n) < 0.15, 1 - y, y)
    return X, np.exp(y) if getattr(estimator, "loss", "") == "poisson" else y


def test_given_rows_are_scored_every_epoch(estimator, rng):
    X, y = rows_for(estimator, rng)
    X_val, y_val = rows_for(estimator, rng, 20)

    estimator.fit(X, y, X_val=X_val, y_val=y_val)

    assert len(estimator.history_) == np.ravel(estimator.n_iter_)[0] >= 1
    for row in estimator.history_:
        assert np.isfinite([row["valid_loss"], row["valid_score"]]).all()


def test_the_last_logged_score_is_the_models_score(estimator, rng):
    X, y = rows_for(estimator, rng)
    X_val, y_val = rows_for(estimator, rng, 20)

    estimator.fit(X, y, X_val=X_val, y_val=y_val)

    np.testing.assert_allclose(estimator.history_[-1]["valid_score"], estimator.score(X_val, y_val), rtol=1e-6)


def test_given_rows_do_not_change_the_model_without_early_stopping(estimator, rng):
    X, y = rows_for(estimator, rng)

    assert_same_bits(clone(estimator).fit(X, y, X_val=X[:9], y_val=y[:9]), estimator.fit(X, y))


def test_without_early_stopping_there_are_no_validation_scores(network, rng):
    X, y = rows_for(network, rng)

    network.fit(X, y, X_val=X[:9], y_val=y[:9])

    assert network.validation_scores_ is None
    assert network.best_validation_score_ is None
    assert network.best_loss_ == min(network.loss_curve_)


def test_given_rows_take_the_place_of_the_inner_split(network, rng):
    X, y = rows_for(network, rng)
    X_val, y_val = rows_for(network, rng, 20)
    network.set_params(early_stopping=True)

    held_out = clone(network).fit(X, y)
    given = clone(network).fit(X, y, X_val=X_val, y_val=y_val)

    assert given.t_ == 60 * given.n_iter_
    assert held_out.t_ == 54 * held_out.n_iter_


def test_early_stopping_keeps_the_weights_with_the_best_score(network, rng):
    X, y = rows_for(network, rng)
    X_val, y_val = rows_for(network, rng, 20)

    network.set_params(early_stopping=True, n_iter_no_change=4).fit(X, y, X_val=X_val, y_val=y_val)

    assert network.best_validation_score_ == max(network.validation_scores_)
    assert network.best_loss_ is None
    np.testing.assert_allclose(network.score(X_val, y_val), network.best_validation_score_, rtol=1e-6)


def test_the_kept_weights_are_those_of_the_first_best_epoch(network, rng):
    X, y = rows_for(network, rng)
    X_val, y_val = rows_for(network, rng, 20)
    stopped = clone(network).set_params(early_stopping=True, n_iter_no_change=4).fit(X, y, X_val=X_val, y_val=y_val)
    best_epoch = int(np.argmax(stopped.validation_scores_)) + 1

    short = clone(network).set_params(max_iter=best_epoch, tol=0.0).fit(X, y)

    np.testing.assert_allclose(raw_outputs(stopped, X), raw_outputs(short, X), rtol=1e-9, atol=1e-12)


def test_training_ends_where_the_score_stops_rising(network, rng):
    X, y = rows_for(network, rng)
    network.set_params(early_stopping=True, n_iter_no_change=2, tol=10.0, max_iter=100)

    network.fit(X, y)

    # scikit-learn's perceptron networks wait for more than n_iter_no_change epochs without gain after the first,
    # its linear models for n_iter_no_change; small tables make Perceptron wait for 1 000 rows.
    assert network.n_iter_ < 25
    assert len(network.validation_scores_) == network.n_iter_


def test_with_several_classes_the_split_keeps_them_in_proportion(rng):
    X = make_rows(rng, n=200)
    y = np.repeat([0, 1, 2, 3], [120, 40, 20, 20])
    seen = {}

    class Spy(Callback):
        def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            seen["train"], seen["valid"] = np.asarray(dataset_train.y), np.asarray(dataset_valid.y)

    MLPClassifier((4,), early_stopping=True, max_iter=2, callbacks=[Spy()], random_state=0).fit(X, y)

    assert np.bincount(seen["train"]).tolist() == [108, 36, 18, 18]
    assert np.bincount(seen["valid"]).tolist() == [12, 4, 2, 2]


def test_early_stopping_learns_rows_that_occur_in_only_one_part(rng):
    X = make_rows(rng, n=30)
    y = np.r_[np.arange(10), np.zeros(20, int)]

    clf = MLPClassifier((4,), early_stopping=True, max_iter=3, random_state=0).fit(X, y)

    assert clf.classes_.tolist() == list(range(10))


def test_validation_rows_of_string_labels_are_scored(rng):
    X = make_rows(rng)
    y = np.where(X[:, 0] > 0, "warm", "cold")

    clf = MLPClassifier((8,), learning_rate_init=0.05, max_iter=30, random_state=0).fit(X, y, X_val=X, y_val=y)

    assert clf.history_[-1]["valid_score"] == clf.score(X, y) > 0.9


def test_validation_rows_of_several_labels_are_scored(rng):
    X = make_rows(rng)
    Y = (X[:, :2] > 0).astype(int)

    clf = MLPClassifier((8,), early_stopping=True, max_iter=30, random_state=0).fit(X, Y, X_val=X, y_val=Y)

    assert clf.best_validation_score_ == clf.score(X, Y)


def test_validation_rows_of_several_outputs_are_scored(rng):
    X = make_rows(rng)
    Y = np.column_stack([X[:, 0], 5 - X[:, 1]])

    reg = MLPRegressor(hidden_layer_sizes=(8,), early_stopping=True, max_iter=30, random_state=0)
    reg.fit(X, Y, X_val=X, y_val=Y)

    np.testing.assert_allclose(reg.best_validation_score_, reg.score(X, Y))


def test_the_validation_loss_is_the_loss_without_penalty(rng):
    X = make_rows(rng)
    y = (X[:, 0] > 0).astype(int)

    clf = MLPClassifier((8,), alpha=50.0, max_iter=5, random_state=0).fit(X, y, X_val=X, y_val=y)

    expected = -np.log(clf.predict_proba(X)[np.arange(60), y]).mean()
    np.testing.assert_allclose(clf.history_[-1]["valid_loss"], expected)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}])
def test_given_rows_go_through_the_steps_before(parameters, rng):
    clf = MLPClassifier((8,), max_iter=10, random_state=0, **parameters)
    X, y = rows_for(clf, rng)
    X, X_val, y_val = 100 + 50 * X, 100 + 50 * make_rows(rng, 20), np.arange(20) % 2
    scaler = StandardScaler().fit(X)
    by_hand = clone(clf).fit(scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val)

    with sklearn.config_context(enable_metadata_routing=True):
        step = clone(clf).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", step)], transform_input=["X_val"])
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)

    assert_same_bits(pipeline[-1], by_hand)
    assert [row["valid_score"] for row in pipeline[-1].history_] == [row["valid_score"] for row in by_hand.history_]
    if parameters:
        assert pipeline.score(X_val, y_val) == pipeline[-1].best_validation_score_
        assert pipeline[-1].t_ == 60 * pipeline[-1].n_iter_


def test_early_stopping_in_a_pipeline_needs_no_routing(rng):
    clf = MLPClassifier((8,), early_stopping=True, max_iter=10, random_state=0)
    X, y = rows_for(clf, rng)

    pipeline = make_pipeline(StandardScaler(), clf).fit(X, y)

    assert len(pipeline[-1].validation_scores_) == pipeline[-1].n_iter_


def test_weights_of_rows_act_on_the_validation_score_of_the_inner_split(rng):
    # With one class weightless in all but name, the score that is watched is that of the other class.
    X = make_rows(rng, 100)
    y = np.arange(100) % 2
    weights = np.where(y == 0, 1.0, 1e-9)

    clf = MLPClassifier((4,), early_stopping=True, learning_rate_init=0.1, max_iter=60, random_state=0)
    clf.fit(X, y, sample_weight=weights)

    assert clf.best_validation_score_ > 0.99


def test_a_validation_set_may_hold_a_single_class(rng):
    clf = MLPClassifier((8,), max_iter=3, random_state=0)
    X, y = rows_for(clf, rng)

    clf.fit(X, y, X_val=X[y == 1], y_val=y[y == 1])

    assert len(clf.history_) == 3


def test_refitting_without_validation_rows_forgets_the_earlier_ones(rng):
    clf = MLPClassifier((8,), early_stopping=True, max_iter=3, random_state=0)
    X, y = rows_for(clf, rng)
    clf.fit(X, y, X_val=X, y_val=y)

    clf.set_params(early_stopping=False).fit(X, y)

    assert clf.validation_scores_ is None
    assert "valid_score" not in clf.history_[-1]
