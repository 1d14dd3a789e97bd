"""From an estimator and rows to a diagnosis."""

import copy
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state

from sknets.inspection._advice import advise, apply
from sknets.inspection._baselines import make_constant, make_linear
from sknets.inspection._best_epoch import measure_best_epoch
from sknets.inspection._diagnosis import Diagnosis
from sknets.inspection._findings import find
from sknets.inspection._fold_fits import FoldScores, Split, Variant, fit_variants
from sknets.inspection._judgement import judge
from sknets.inspection._leaks import find_telling_column, measure_repeated_share
from sknets.inspection._measurements import Measurements
from sknets.inspection._network_place import NetworkPlace, locate_network
from sknets.inspection._probes import Probe, make_probes
from sknets.inspection._row_subsets import take_subsets

_CURVE_COLUMNS = ["fold", "epoch", "train_loss", "valid_loss", "train_score", "valid_score"]


def diagnose(
    estimator: Any,
    X: Any,
    y: Any,
    cv: Any = 5,
    *,
    scoring: Any = None,
    groups: Any = None,
    random_state: Any = None,
) -> Diagnosis:
    """See why a network fits badly, and what would help.

    The estimator is cross-validated as it is, and changed in about twenty ways, one at a time: more epochs, other
    learning rates, larger and smaller, stronger and weaker penalties, dropout, early stopping, fewer rows, shuffled
    targets. A constant and a linear model stand beside it. All networks are trained together, by
    :func:`sknets.batched_fits`.

    Parameters
    ----------
    estimator : estimator
        A network of sknets, a (nested) Pipeline that ends with one, or a TransformedTargetRegressor around these. It
        is not changed.
    X : array-like of shape (n_samples, ...)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    cv : int, splitter or iterable, default=5
        As in scikit-learn; at least two folds. An integer does not shuffle rows.
    scoring : str, callable or None, default=None
        A single score, the higher the better; None takes the estimator's own, accuracy or R².
    groups : array-like of shape (n_samples,), default=None
        For splitters that keep groups together.
    random_state : int, RandomState instance or None, default=None
        Source of the folds' seeds: every fold has one of its own, which all networks of the fold share, so that the
        folds' spread contains that of the seeds. None takes the network's own ``random_state``.

    Returns
    -------
    verdict : Diagnosis

    Raises
    ------
    TypeError
        If it is no network of sknets and does not end with one, or ``scoring`` gives several scores.
    ValueError
        If there are fewer than two folds; or what the estimator's ``fit`` and the scorer raise. A loss that is not
        finite is no error: the verdict is "diverging".

    See Also
    --------
    sknets.model_selection.OptunaSearchCV : Searches further.
    sknets.model_selection.epoch_curves : Curves of any search.

    Notes
    -----
    How it decides is told in the user guide's page on diagnosis.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknets import MLPClassifier
    >>> from sknets.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=3, random_state=0))
    >>> verdict = diagnose(pipeline, X, y, cv=3)
    >>> verdict.label
    'undertrained'
    """
    began = perf_counter()
    place = locate_network(estimator)
    scorer = _check_scoring(estimator, scoring)
    splits = _check_splits(estimator, X, y, cv, groups)
    rng = check_random_state(copy.deepcopy(place.network.random_state) if random_state is None else random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
    probes = make_probes(place.network)
    variants = _make_variants(estimator, place, probes, y, splits, rng)
    scores, n_networks = fit_variants(variants, X, scorer, seeds)
    telling, repeated_share = find_telling_column(estimator, X, y, rng), measure_repeated_share(X, splits)
    # Networks that blew up may have scores whose squares are too large for a number.
    with np.errstate(over="ignore", invalid="ignore"):
        found = _measure(scores, probes, place, splits)
        judged = judge(found)
        return Diagnosis(
            label=judged.label,
            is_mixed=judged.is_mixed,
            strengths=judged.strengths,
            evidence=find(found, judged, telling, repeated_share),
            advice=advise(found, estimator, place),
            curves=_tabulate_curves(found.network),
            learning_curve=_tabulate_sizes(found, splits),
            probes=_tabulate_probes(found),
            baselines=_tabulate_baselines(found),
            estimator_name=_describe(estimator, place),
            score_name=_name_score(estimator, scoring),
            n_rows=len(np.unique(np.concatenate([np.concatenate(split) for split in splits]))),
            n_folds=len(splits),
            n_networks=n_networks,
            seconds=perf_counter() - began,
        )


def _check_scoring(estimator: Any, scoring: Any) -> Any:
    if isinstance(scoring, Mapping | list | tuple | set):
        raise TypeError(
            f"scoring must be a single score: a name, a callable or None; got {scoring!r}. Choose the one that matters."
        )
    return check_scoring(estimator, scoring)


def _check_splits(estimator: Any, X: Any, y: Any, cv: Any, groups: Any) -> list[Split]:
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    splits = [(np.asarray(train), np.asarray(test)) for train, test in splitter.split(X, y, groups)]
    if len(splits) < 2:
        raise ValueError(
            f"cv must give at least two folds, so that there is a spread; got {len(splits)}. Use cv=5, or more splits."
        )
    return splits


def _make_variants(
    estimator: Any,
    place: NetworkPlace,
    probes: Sequence[Probe],
    y: Any,
    splits: Sequence[Split],
    rng: np.random.RandomState,
) -> dict[Any, Variant]:
    """Return everything that is fitted, by name; fewer rows by their number."""
    shuffled = np.asarray(y)[rng.permutation(len(np.asarray(y)))]
    linear = make_linear(estimator, place, y)
    return {
        "network": Variant(estimator, y, splits, is_watched=True, must_work=True),
        "constant": Variant(make_constant(estimator), y, splits, must_work=True),
        **({} if linear is None else {"linear": Variant(linear, y, splits)}),
        "shuffled": Variant(estimator, shuffled, splits),
        **{n_rows: Variant(estimator, y, own) for n_rows, own in take_subsets(splits, y, rng).items()},
        **{
            # The longer training's curve says which epoch was best; it shares a stack with the network's own.
            f"probe {probe.name}": Variant(apply(probe, estimator, place), y, splits, probe.name == "longer")
            for probe in probes
        },
    }


def _measure(
    scores: Mapping[Any, FoldScores], probes: Sequence[Probe], place: NetworkPlace, splits: Sequence[Split]
) -> Measurements:
    found = Measurements(
        network=scores["network"],
        constant=scores["constant"],
        shuffled=scores["shuffled"],
        linear=scores.get("linear"),
        sizes={name: own for name, own in scores.items() if isinstance(name, int)},
        probes={probe.name: (probe, scores[f"probe {probe.name}"]) for probe in probes},
        test_per_train=float(np.mean([len(test) / len(train) for train, test in splits])),
        max_epochs=place.network.max_iter,
    )
    best_epoch = measure_best_epoch(found, place.network)
    if best_epoch is not None:
        found.probes[best_epoch[0].name] = best_epoch
    return found


def _tabulate_curves(scores: FoldScores) -> pd.DataFrame:
    return pd.DataFrame(columns=_CURVE_COLUMNS) if scores.curves is None else scores.curves[_CURVE_COLUMNS]


def _tabulate_sizes(found: Measurements, splits: Sequence[Split]) -> pd.DataFrame:
    all_rows = round(float(np.mean([len(train) for train, _ in splits])))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "n_rows": n_rows,
                    "fold": np.arange(len(splits)),
                    "train_score": scores.train,
                    "valid_score": scores.valid,
                }
            )
            for n_rows, scores in sorted({**found.sizes, all_rows: found.network}.items())
        ],
        ignore_index=True,
    )


def _tabulate_probes(found: Measurements) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "name": probe.name,
                "family": probe.family,
                "words": probe.words,
                "parameters": probe.parameters,
                "train_score": scores.train.mean(),
                "valid_score": scores.valid.mean(),
                "gain": (gain := found.gain(scores)).mean,
                "spread": gain.spread,
                "noise": gain.noise,
                "is_clear": gain.is_clear,
                "error": scores.error,
            }
            for probe, scores in found.probes.values()
        ]
    )


def _tabulate_baselines(found: Measurements) -> pd.DataFrame:
    variants = {
        "constant": found.constant,
        **({} if found.linear is None else {"linear": found.linear}),
        "shuffled": found.shuffled,
        "network": found.network,
    }
    rows = {
        name: {
            "train_score": scores.train.mean(),
            "valid_score": scores.valid.mean(),
            "valid_spread": scores.valid.std(ddof=1),
        }
        for name, scores in variants.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _describe(estimator: Any, place: NetworkPlace) -> str:
    name = type(place.network).__name__
    return name if place.network is estimator else f"{name} in a {type(estimator).__name__}"


def _name_score(estimator: Any, scoring: Any) -> str:
    if scoring is None:
        return "accuracy" if is_classifier(estimator) else "R²"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
