"""What a tool leaves, and whether it is the same as what another run of it left."""

from dataclasses import dataclass, field

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal


@dataclass
class Outcome:
    """What is compared.

    Attributes
    ----------
    scores : dict of str to array-like
    networks : list of estimators
        Fitted.
    predictions : array-like
        One a row.
    search : search or None
        Fitted.
    """

    scores: dict = field(default_factory=dict)
    networks: list = field(default_factory=list)
    predictions: object = ()
    search: object = None


def assert_same(inside, outside):
    """Compare what float64 data gave: to 1e-6."""
    for name, scores in outside.scores.items():
        assert_allclose(inside.scores[name], scores, rtol=1e-6, atol=1e-6, err_msg=name)
    if outside.search is not None and inside.search.best_params_ != outside.search.best_params_:
        assert_is_tie(inside.search, outside.search)
        return
    assert_same_predictions(inside.predictions, outside.predictions)
    for ours, reference in zip(inside.networks, outside.networks, strict=True):
        assert_same_network(ours, reference)


def assert_same_network(ours, reference):
    """Compare fitted attributes."""
    assert ours.n_iter_ == reference.n_iter_
    assert ours.t_ == reference.t_
    assert_allclose(ours.loss_curve_, reference.loss_curve_, rtol=1e-6)
    assert_allclose(ours.validation_scores_ or [], reference.validation_scores_ or [], rtol=1e-6, atol=1e-6)
    assert ours.module_.state_dict().keys() == reference.module_.state_dict().keys()
    for name, value in reference.module_.state_dict().items():
        assert_allclose(ours.module_.state_dict()[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


def assert_is_tie(ours, reference):
    """Where two searches chose differently: the scores that they agree on to 1e-6 must leave it to rounding."""
    results, metric = reference.cv_results_, reference.refit if isinstance(reference.refit, str) else "score"
    chosen = results["params"].index(ours.best_params_)
    assert_allclose(results[f"mean_test_{metric}"][chosen], reference.best_score_, rtol=1e-6, atol=1e-6)


def assert_same_predictions(ours, reference):
    """Compare classes by equality, numbers to 1e-6."""
    ours, reference = np.asarray(ours), np.asarray(reference)
    if reference.dtype.kind == "f":
        assert_allclose(ours, reference, rtol=1e-6, atol=1e-6)
    else:
        assert_array_equal(ours, reference)
