import warnings

import pytest
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_global_output_transform_pandas,
    check_param_validation,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)

# Loaded here, so that no test pays for it.
from sknets._torchvision import import_torchvision
from sknets.preprocessing import Augmenter, ChannelScaler, ImageReshaper

import_torchvision()

TRANSFORMERS = [
    ImageReshaper(),
    ImageReshaper(layout="channels_last"),
    ImageReshaper(layout="flat"),
    ChannelScaler(),
    Augmenter(),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
def test_every_check_of_scikit_learn_passes(transformer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(transformer, on_fail=None, on_skip=None)

    assert {result["check_name"]: result["exception"] for result in results if result["status"] != "passed"} == {}
    assert len(results) > 40


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
def test_bad_parameters_are_refused_as_in_scikit_learn(transformer):
    check_param_validation(type(transformer).__name__, transformer)


@pytest.mark.parametrize("transformer", [ChannelScaler(), Augmenter()], ids=repr)
@pytest.mark.parametrize(
    "check",
    [
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_global_output_transform_pandas,
    ],
)
def test_flat_rows_keep_the_names_of_their_columns(check, transformer):
    with warnings.catch_warnings():
        # The checks mix frames and arrays on purpose.
        warnings.simplefilter("ignore")
        check(type(transformer).__name__, transformer)
