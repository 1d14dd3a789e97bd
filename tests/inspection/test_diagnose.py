import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import (
    CNNClassifier,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)
from sknets.inspection import Diagnosis, diagnose
from tests.inspection._diagnosis_cases import CASES, leak

LABELS = {"underfitting", "overfitting", "balanced", "undertrained", "diverging"}
CURVES = ["fold", "epoch", "train_loss", "valid_loss", "train_score", "valid_score"]


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 4))
    return X, (X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=60) > 0).astype(int)


@pytest.fixture(scope="module")
def iris():
    """A pipeline whose network is trained for too few epochs, and its diagnosis."""
    X, y = load_iris(return_X_y=True)
    network = MLPClassifier((16,), max_iter=3, batch_size=30, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    return pipeline, X, y, diagnose(pipeline, X, y, cv=3)


def small(**parameters):
    return MLPClassifier((4,), max_iter=4, random_state=0, **parameters)


# ------------------------------------------------------------------------------------------- known answers


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("label", "case"),
    [pytest.param(label, case, id=case.__name__) for label, cases in CASES.items() for case in cases],
)
def test_label_of_a_case_made_for_it(label, case, seed):
    verdict = diagnose(*case(seed))

    assert verdict.label == label


def test_too_few_epochs_are_undertrained_and_more_are_the_advice(iris):
    *_, verdict = iris

    assert verdict.label == "undertrained"
    assert {*verdict.advice[0].parameters} <= {"mlpclassifier__max_iter", "mlpclassifier__learning_rate_init"}


def test_a_loss_that_is_never_finite_is_a_verdict_and_no_error(rng):
    X = rng.normal(size=(40, 3))
    network = MLPRegressor(hidden_layer_sizes=(8,), solver="sgd", max_iter=5, random_state=0)

    verdict = diagnose(network, 1e160 * X, 1e160 * X[:, 0], cv=2)

    assert verdict.label == "diverging"
    assert np.isnan(verdict.baselines.loc["network", "valid_score"])


def test_a_linear_model_of_a_product_underfits_and_is_told_to_take_a_hidden_layer(rng):
    X = rng.normal(size=(400, 2))
    y = X[:, 0] * X[:, 1] > 0

    verdict = diagnose(make_pipeline(StandardScaler(), LogisticRegression()), X, y, cv=3)

    assert verdict.label == "underfitting"
    assert isinstance(verdict.advice[0].estimator[-1], MLPClassifier)
    assert isinstance(verdict.advice[0].parameters["logisticregression"], MLPClassifier)


def test_a_column_that_tells_the_answer_is_a_warning_beside_the_label():
    _, X, y = leak(0)
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d", "e", "told"])

    verdict = diagnose(make_pipeline(StandardScaler(), LogisticRegression()), frame, y, cv=3)

    warning = next(finding for finding in verdict.evidence if finding.is_warning)
    assert warning.name == "telling column"
    assert "'told'" in warning.sentence
    assert "Warning: " in str(verdict)


def test_rows_that_repeat_are_a_warning(table):
    X, y = table

    verdict = diagnose(small(), np.repeat(X, 2, axis=0), np.repeat(y, 2), cv=KFold(2, shuffle=True, random_state=0))

    assert [finding.name for finding in verdict.evidence if finding.is_warning] == ["repeated rows"]


@pytest.mark.slow
def test_groups_keep_repeated_rows_together(table):
    X, y = table
    groups = np.repeat(np.arange(60), 2)

    verdict = diagnose(small(), np.repeat(X, 2, axis=0), np.repeat(y, 2), cv=GroupKFold(2), groups=groups)

    assert not any(finding.is_warning for finding in verdict.evidence)


# ------------------------------------------------------------------------------------------- numbers


def test_scores_are_those_of_cross_validation_with_the_folds_seeds(table):
    X, y = table
    network = small()
    seeds = np.random.RandomState(5).randint(np.iinfo(np.int32).max, size=2)
    splits = list(KFold(2).split(X))

    verdict = diagnose(network, X, y, cv=splits, random_state=5)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [
            cross_val_score(small().set_params(random_state=int(seed)), X, y, cv=[split])[0]
            for seed, split in zip(seeds, splits, strict=True)
        ]
    full = verdict.learning_curve.query("n_rows == 30")
    np.testing.assert_allclose(full["valid_score"], expected, rtol=1e-12)
    assert verdict.baselines.loc["network", "valid_score"] == pytest.approx(np.mean(expected), rel=1e-12)


def test_curves_end_with_the_scores_and_have_every_epoch(iris):
    *_, verdict = iris

    assert list(verdict.curves.columns) == CURVES
    assert verdict.curves.groupby("fold").size().tolist() == [3, 3, 3]
    last = verdict.curves.groupby("fold").last()
    full = verdict.learning_curve[verdict.learning_curve["n_rows"] == 100]
    np.testing.assert_allclose(last["valid_score"], full["valid_score"])
    np.testing.assert_allclose(last["train_score"], full["train_score"])


def test_the_learning_curve_has_a_quarter_half_and_all_rows(iris):
    *_, verdict = iris

    assert sorted(verdict.learning_curve["n_rows"].unique()) == [25, 50, 100]


def test_the_constant_scores_the_share_of_the_largest_class(table):
    X, y = table

    verdict = diagnose(small(), X, y, cv=[(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))])

    majority = [np.bincount(y[part]).argmax() for part in (slice(0, 40), slice(20, 60))]
    expected = np.mean([(y[40:] == majority[0]).mean(), (y[:20] == majority[1]).mean()])
    assert verdict.baselines.loc["constant", "valid_score"] == pytest.approx(expected)


def test_gains_are_paired_differences_of_the_probes_own_scores(iris):
    *_, verdict = iris

    base = verdict.baselines.loc["network", "valid_score"]
    probes = verdict.probes[verdict.probes["valid_score"] > verdict.baselines.loc["constant", "valid_score"]]
    np.testing.assert_allclose(probes["gain"], probes["valid_score"] - base, atol=1e-12)


@pytest.mark.slow
def test_a_probe_is_cross_validation_of_the_changed_estimator(iris):
    pipeline, X, y, verdict = iris
    best = verdict.advice[0]

    again = diagnose(pipeline.__class__(pipeline.steps).set_params(**best.parameters), X, y, cv=3, random_state=0)

    assert again.baselines.loc["network", "valid_score"] == pytest.approx(best.score)


def test_the_same_random_state_gives_the_same_verdict(table):
    X, y = table
    network = small().set_params(random_state=None)

    first, second = (diagnose(network, X, y, cv=2, random_state=3) for _ in range(2))

    pd.testing.assert_frame_equal(first.probes, second.probes)


def test_every_number_of_a_sentence_is_a_figure(iris):
    *_, verdict = iris

    for finding in verdict.evidence:
        text = re.sub(r"\(.*?\)", "", finding.sentence)  # the changes' own words, and the folds
        for number in re.findall(r"\d+(?:\.\d+)?", text.replace(",", "")):
            figures = [*finding.figures.values(), *(100 * value for value in finding.figures.values())]
            n_digits = len(number.partition(".")[2])
            assert any(f"{abs(figure):.{n_digits}f}" == number for figure in figures), finding.sentence


# ------------------------------------------------------------------------------------------- advice


def test_advice_is_in_the_order_of_gains_that_exceed_their_noise(iris):
    *_, verdict = iris
    gains = [piece.gain for piece in verdict.advice]

    assert all(piece.is_clear for piece in verdict.advice)
    assert gains == sorted(gains, reverse=True)
    assert len(gains) == verdict.probes["is_clear"].sum()


def test_advice_is_an_estimator_with_the_change_and_leaves_the_own_one_alone(iris):
    pipeline, *_, verdict = iris

    for piece in verdict.advice:
        changed = piece.estimator.get_params()
        assert all(changed[name] == value for name, value in piece.parameters.items())
    assert pipeline.get_params()["mlpclassifier__max_iter"] == 3


def test_nothing_is_advised_where_nothing_can_be_learnt(rng):
    X, y = rng.normal(size=(60, 3)), rng.integers(0, 2, 60)

    cv = ShuffleSplit(4, test_size=0.3, random_state=0)
    verdict = diagnose(LogisticRegression(), X, y, cv=cv, random_state=0)

    assert verdict.is_mixed
    assert verdict.label != "balanced"
    assert not any(piece.is_clear for piece in verdict.advice)
    assert "clearly helped" not in str(verdict) or "none of" in str(verdict)


# ------------------------------------------------------------------------------------------- what it takes


@pytest.mark.parametrize(
    "estimator",
    [
        small(),
        pytest.param(small(early_stopping=True), marks=pytest.mark.slow),
        small(solver="lbfgs"),
        pytest.param(make_pipeline(StandardScaler(), Pipeline([("net", small())])), marks=pytest.mark.slow),
        pytest.param(LogisticRegression(solver="adam", max_iter=4, random_state=0), marks=pytest.mark.slow),
        Perceptron(max_iter=4),
    ],
    ids=["bare", "early stopping", "lbfgs", "nested", "logistic", "perceptron"],
)
def test_takes_classifiers(table, estimator):
    assert diagnose(estimator, *table, cv=2).label in LABELS


@pytest.mark.parametrize(
    "estimator",
    [
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=4, random_state=0),
        MLPRegressor(hidden_layer_sizes=(), max_iter=4, random_state=0),
        pytest.param(
            TransformedTargetRegressor(
                make_pipeline(
                    StandardScaler(), MLPRegressor(hidden_layer_sizes=(4, 3), dropout=[0.1, 0.2], max_iter=4)
                ),
                transformer=StandardScaler(),
            ),
            marks=pytest.mark.slow,
        ),
        LinearRegression(),
        pytest.param(LinearRegression(penalty="l2", solver="sgd", max_iter=4, random_state=0), marks=pytest.mark.slow),
    ],
    ids=["bare", "no hidden layer", "transformed targets", "exact", "steps"],
)
def test_takes_regressors(table, estimator):
    X, _ = table

    assert diagnose(estimator, X, X[:, 0], cv=2, random_state=0).label in LABELS


def test_a_linear_model_has_no_linear_baseline_and_no_widths(table):
    verdict = diagnose(LogisticRegression(), *table, cv=2)

    assert list(verdict.baselines.index) == ["constant", "shuffled", "network"]
    assert not verdict.probes["name"].isin(["larger", "smaller", "deeper"]).any()


@pytest.mark.slow
def test_takes_convolutions_and_tries_their_channels():
    digits = load_digits()
    network = CNNClassifier(channels=(4,), hidden_layer_sizes=(8,), max_iter=2, random_state=0)

    verdict = diagnose(network, digits.images[:200], digits.target[:200], cv=2)

    tried = verdict.probes.set_index("name")["parameters"]
    assert tried["larger"] == {"channels": (8,), "hidden_layer_sizes": (16,)}
    assert tried["smaller"] == {"channels": (2,), "hidden_layer_sizes": (4,)}
    assert verdict.baselines.loc["linear", "valid_score"] > 0.5
    assert (verdict.probes["error"] == "").all()


@pytest.mark.slow
def test_frames_strings_and_other_scores(table):
    X, y = table
    frame, labels = pd.DataFrame(X, columns=list("abcd")), pd.Series(np.where(y, "yes", "no"), index=range(7, 67))

    verdict = diagnose(small(), frame, labels, cv=2, scoring="neg_log_loss")

    assert verdict.score_name == "neg_log_loss"
    assert (verdict.curves["valid_score"] < 0).all()


@pytest.mark.slow
def test_several_outputs_and_labels(rng):
    X = rng.normal(size=(40, 3))

    assert diagnose(small(), X, (X[:, :2] > 0).astype(int), cv=KFold(2)).label in LABELS
    network = MLPRegressor(hidden_layer_sizes=(4,), max_iter=4, random_state=0)
    assert diagnose(network, X, X[:, :2], cv=2).label in LABELS


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (SklearnLogisticRegression(), "LogisticRegression.*Put a network of sknets"),
        (make_pipeline(StandardScaler(), SklearnLogisticRegression()), "Pipeline that ends with LogisticRegression"),
        (GridSearchCV(MLPClassifier(), {"alpha": [1]}), "GridSearchCV.*best_estimator_"),
        (MLPClassifier, "the class MLPClassifier"),
        ("network", "got str"),
    ],
)
def test_what_is_no_network_is_a_type_error(table, estimator, words):
    with pytest.raises(TypeError, match=words):
        diagnose(estimator, *table)


def test_one_fold_is_refused(table):
    with pytest.raises(ValueError, match=r"at least two folds.*got 1"):
        diagnose(small(), *table, cv=ShuffleSplit(1))


def test_several_scores_are_refused(table):
    with pytest.raises(TypeError, match="single score"):
        diagnose(small(), *table, scoring=["accuracy", "f1"])


def test_wrong_parameters_are_the_estimators_own_error(table):
    with pytest.raises(ValueError, match=r"'activation' parameter of MLPClassifier"):
        diagnose(small(activation="none"), *table, cv=2)


# ------------------------------------------------------------------------------------------- how it shows


def test_prints_verdict_reasons_and_advice(iris):
    *_, verdict = iris
    text = str(verdict)

    assert text.startswith("Verdict: undertrained")
    assert "MLPClassifier in a Pipeline, 150 rows, 3 folds" in text
    assert f"set_params({next(iter(verdict.advice[0].parameters))}=" in text
    assert max(map(len, text.splitlines())) <= 100 or "set_params" in max(text.splitlines(), key=len)


def test_the_card_escapes_what_it_shows(iris):
    *_, verdict = iris
    card = verdict._repr_html_()

    assert "<strong>Verdict: undertrained" in card
    assert all(f"<code>set_params({name}=" in card for name in list(verdict.advice[0].parameters)[:1])
    assert card.count("<li") == len(verdict.evidence) + len(verdict.advice)


def test_the_record_survives_json(iris):
    *_, verdict = iris

    record = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))

    assert record["label"] == verdict.label
    assert [finding["sentence"] for finding in record["evidence"]] == verdict.sentences
    assert len(record["curves"]) == len(verdict.curves)
    assert record["advice"][0]["gain"] == verdict.advice[0].gain


def test_is_a_diagnosis(iris):
    pipeline, *_, verdict = iris

    assert isinstance(verdict, Diagnosis)
    assert isinstance(pipeline, Pipeline)
    assert repr(verdict).startswith("<Diagnosis: Verdict: undertrained")
