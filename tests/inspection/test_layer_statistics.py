"""What is recorded agrees with formulae, and recording changes nothing."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sknets import (
    CNNClassifier,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    TransferClassifier,
    batched_fits,
)
from sknets.inspection import LayerStatistics, layer_statistics
from tests.vision._pictures import assert_same_bits, make_pictures
from tests.vision._pretrained import BACKBONE


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def fit(estimator, *data, **more):
    """Fit for as many epochs as max_iter says: here nobody minds that this is too few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data, **more)


def recorded(estimator, *data, **more):
    return layer_statistics(fit(estimator.set_params(callbacks=[LayerStatistics(**more)]), *data))


# ---------------------------------------------------------------------------------------------------- figures


def test_the_gradient_of_a_logistic_model_is_that_of_the_formula(table):
    X, y = table
    model = LogisticRegression(solver="sgd", learning_rate_init=0.1, max_iter=3)

    statistics = recorded(model, X, y)

    # At the end: the mean over rows of (p - y) x.
    gradient = ((model.predict_proba(X)[:, 1] - y) @ X) / len(X)
    end = statistics.iloc[-1]
    assert end["gradient"] == pytest.approx(np.abs(gradient).mean(), rel=1e-10)
    assert end["weight"] == pytest.approx(np.abs(model.coef_).mean(), rel=1e-10)
    assert end["gradient_ratio"] == pytest.approx(end["gradient"] / end["weight"])


def test_there_is_a_row_for_each_epoch_and_layer_and_for_the_start(table):
    statistics = recorded(MLPClassifier((5, 6), max_iter=3, random_state=0), *table)

    assert statistics["epoch"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert statistics["layer"].tolist() == ["0", "2", "4"] * 4


def test_a_network_that_was_trained_for_no_epoch_more_has_the_figures_of_its_start(table):
    start = MLPClassifier((5,), random_state=0).initialize(*table)

    statistics = recorded(MLPClassifier((5,), max_iter=2, random_state=0), *table)

    first = np.abs(start.coefs_[0]).mean()
    assert statistics.loc[0, "weight"] == pytest.approx(first, rel=1e-10)


def test_spread_and_saturation_are_those_of_the_activations(table):
    X, y = table
    network = MLPClassifier((5,), activation="tanh", max_iter=2, learning_rate_init=0.5, random_state=0)

    end = recorded(network, X, y).iloc[-2]

    activations = np.tanh(X @ network.coefs_[0] + network.intercepts_[0])
    is_flat = 1 - activations**2 < 0.05
    assert end["spread"] == pytest.approx(activations.std(axis=0).mean(), rel=1e-6)
    assert end["saturated"] == pytest.approx(is_flat.mean())
    assert 0 < end["saturated"] < 1


@pytest.mark.parametrize(("activation", "bias"), [("relu", -100.0), ("logistic", 100.0), ("hardtanh", 100.0)])
def test_units_that_no_row_moves_are_dead(activation, bias, table):
    network = MLPClassifier((4,), activation=activation, callbacks=[LayerStatistics()], random_state=0)
    network.initialize(*table)
    network.intercepts_[0][:3] = bias
    network.set_params(warm_start=True, max_iter=1)

    statistics = layer_statistics(fit(network, *table))

    assert statistics.iloc[0]["dead"] == 0.75
    assert statistics.iloc[0]["saturated"] >= 0.75


def test_an_output_layer_has_no_activation_to_saturate(table):
    statistics = recorded(MLPClassifier((4,), max_iter=1, random_state=0), *table)

    outputs = statistics[statistics["layer"] == "2"]
    assert outputs[["saturated", "dead"]].isna().all(axis=None)
    assert outputs[["gradient", "spread"]].notna().all(axis=None)


def test_gradients_vanish_through_logistic_layers_and_not_through_residual_ones(rng):
    X = rng.normal(size=(50, 8))
    y = (X[:, 0] > 0).astype(int)

    def first_to_last(**settings):
        start = recorded(MLPClassifier((8,) * 8, max_iter=1, random_state=0, **settings), X, y).iloc[:9]
        return start["gradient"].iloc[0] / start["gradient"].iloc[-1]

    assert first_to_last(activation="logistic") < 1e-4
    assert first_to_last(activation="relu", residual=True) > 1e-2


def test_a_map_is_dead_only_where_all_of_its_pixels_are(rng):
    X, y = make_pictures(rng, n=12)
    settings = {"channels": (4,), "normalization": None, "dropout": 0.0, "callbacks": [LayerStatistics()]}
    network = CNNClassifier(**settings, random_state=0).initialize(X, y)
    with torch.no_grad():
        network.module_.body[0].bias[:2] = -1000.0
    network.set_params(warm_start=True, max_iter=1)

    statistics = layer_statistics(fit(network, X, y))

    assert statistics.iloc[0]["layer"] == "body.0"
    assert statistics.iloc[0]["dead"] == 0.5


class Doubling(nn.Module):
    """An activation of a user's own."""

    def forward(self, inputs):
        return 2 * torch.tanh(inputs)


def test_an_activation_of_the_users_own_is_known(table):
    statistics = recorded(MLPClassifier((4,), activation=Doubling, max_iter=1, random_state=0), *table)

    assert statistics["saturated"].notna().tolist() == [True, False] * 2


def test_frozen_layers_have_no_gradient(rng):
    X, y = make_pictures(rng, n=8, shape=(32, 32))
    network = TransferClassifier(BACKBONE, weights=None, unfreeze_after=1, max_iter=2, random_state=0)

    statistics = recorded(network, X, y, n_rows=4)

    # Features that were computed before the first epoch pass by the frozen backbone.
    assert set(statistics[statistics["epoch"] == 1]["layer"]) == {"head.0"}
    thawed = statistics[statistics["epoch"] == 2]
    assert len(thawed) > 10
    assert thawed["gradient"].notna().all()


# ---------------------------------------------------------------------------------------------------- no traces

NETWORKS = {
    "dense": MLPClassifier((8, 8), dropout=0.3, max_iter=4, random_state=0),
    "batch normalization": MLPClassifier((8,), normalization="batch", dropout=0.2, max_iter=4, random_state=0),
    "own activation": MLPClassifier((8,), activation=nn.ReLU6, dropout=0.2, max_iter=4, random_state=0),
    "early stopping": MLPClassifier((8,), early_stopping=True, max_iter=8, random_state=0),
    "regression": MLPRegressor(hidden_layer_sizes=(8,), solver="sgd", max_iter=4, random_state=0),
    "lbfgs": MLPClassifier((8,), solver="lbfgs", max_iter=4, random_state=0),
    "logistic": LogisticRegression(solver="adam", max_iter=4, random_state=0),
    "bfloat16": MLPClassifier((8,), precision="bfloat16", dropout=0.2, max_iter=3, random_state=0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_the_same_bit_by_bit(name, table):
    plain = fit(clone(NETWORKS[name]), *table)

    watched = fit(clone(NETWORKS[name]).set_params(callbacks=[LayerStatistics(n_rows=20)]), *table)

    assert_same_bits(plain, watched)
    assert plain.loss_curve_ == watched.loss_curve_
    assert len(layer_statistics(watched)) > 0


def test_training_of_a_convolutional_network_is_the_same_bit_by_bit(rng):
    X, y = make_pictures(rng, n=24)
    settings = {"channels": (4,), "dropout": 0.3, "augmentation": "light", "batch_size": 8, "max_iter": 2}
    plain = fit(CNNClassifier(**settings, random_state=0), X, y)

    watched = fit(CNNClassifier(**settings, random_state=0, callbacks=[LayerStatistics()]), X, y)

    assert_same_bits(plain, watched)


def test_nobody_elses_random_numbers_move(table):
    torchs, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # this very generator

    recorded(MLPClassifier((4,), dropout=0.2, max_iter=2, random_state=0), *table, n_rows=10)

    assert torch.equal(torch.get_rng_state(), torchs)
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)  # noqa: NPY002


def test_no_hook_is_left_behind(table):
    network = fit(MLPClassifier((4,), max_iter=2, callbacks=[LayerStatistics()], random_state=0), *table)

    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.module_.modules())


# ---------------------------------------------------------------------------------------------------- the record


def test_the_users_own_object_stays_as_it_was(table):
    own = LayerStatistics()

    fit(MLPClassifier((4,), max_iter=2, callbacks=[own], random_state=0), *table)

    assert vars(own) == {"n_rows": 256, "random_state": 0}


def test_the_sample_is_the_same_in_every_epoch_and_fit(table):
    network = MLPClassifier((4,), max_iter=2, random_state=0)

    first, second = (recorded(clone(network), *table, n_rows=7) for _ in range(2))

    assert first.equals(second)
    assert not first.equals(recorded(clone(network), *table, n_rows=7, random_state=1))


def test_a_pipeline_a_search_and_a_copy_have_their_record(table):
    network = MLPClassifier((4,), max_iter=2, callbacks=[LayerStatistics()], random_state=0)
    search = fit(GridSearchCV(make_pipeline(StandardScaler(), network), {"mlpclassifier__alpha": [0.1]}, cv=2), *table)

    record = layer_statistics(search)

    assert len(record) == 6
    assert layer_statistics(search.best_estimator_).equals(record)
    assert layer_statistics(pickle.loads(pickle.dumps(search))).equals(record)
    assert layer_statistics(copy.deepcopy(search)).equals(record)


def test_single_passes_add_to_the_record_and_a_new_fit_begins_anew(table):
    network = MLPClassifier((4,), callbacks=[LayerStatistics()], max_iter=2, random_state=0)
    for _ in range(3):
        network.partial_fit(*table, classes=[0, 1])

    assert layer_statistics(network)["epoch"].unique().tolist() == [0, 1, 2, 3]
    assert layer_statistics(fit(network, *table))["epoch"].unique().tolist() == [0, 1, 2]


def test_weights_of_rows_count(table):
    X, y = table
    weights = np.arange(60) % 3 + 1
    model = LogisticRegression(solver="sgd", max_iter=1, callbacks=[LayerStatistics()])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, sample_weight=weights)

    residual = (model.predict_proba(X)[:, 1] - y) * weights / weights.mean()
    assert layer_statistics(model).iloc[-1]["gradient"] == pytest.approx(np.abs(residual @ X / 60).mean(), rel=1e-10)


def test_inside_of_batched_fits_there_is_the_same_record(table):
    network = MLPClassifier((4,), max_iter=2, random_state=0)
    alone = recorded(clone(network), *table)

    with batched_fits():
        together = recorded(clone(network), *table)

    assert together.equals(alone)


def test_a_network_without_a_record_is_refused(table):
    with pytest.raises(ValueError, match=r"Nothing has recorded.*MLPClassifier.*callbacks=\[LayerStatistics\(\)\]"):
        layer_statistics(fit(MLPClassifier((4,), max_iter=1), *table))
