"""scikit-learn's checks, whose pictures are a few noisy numbers; so the backbone must learn from random weights."""

import unittest
import warnings

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from sknets import TransferClassifier
from tests.vision._pretrained import BACKBONE

WEIGHT_EQUIVALENCE = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
NOT_ALWAYS = {"check_classifiers_train", "check_methods_subset_invariance"}


def failed_checks(estimator):
    failed = {}
    for instance, check in estimator_checks_generator(estimator):
        with warnings.catch_warnings():
            # As in check_estimator itself: the checks fit for too short and on nonsense on purpose.
            warnings.simplefilter("ignore")
            try:
                check(instance)
            except (Exception, unittest.SkipTest) as error:  # noqa: BLE001 - a check may fail in any way
                failed[check.func.__name__] = f"{type(error).__name__}: {error}"
    return failed


@pytest.mark.slow
def test_a_backbone_that_learns_fails_only_what_its_batch_statistics_must():
    failed = failed_checks(TransferClassifier(BACKBONE, weights=None, freeze=False))

    # torch's batch normalization knows no weights of rows; and the random weights that fit a check's three blobs of
    # points, and round alike in batches of every size, are rare.
    assert WEIGHT_EQUIVALENCE <= set(failed) <= WEIGHT_EQUIVALENCE | NOT_ALWAYS, failed


@pytest.mark.slow
def test_a_frozen_backbone_fails_only_what_random_features_must():
    failed = failed_checks(TransferClassifier(BACKBONE, weights=None))

    assert set(failed) == {"check_classifiers_train"}, failed
