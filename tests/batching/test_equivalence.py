"""Inside of the context and outside, random tools with random networks on random data end with the same numbers."""

import itertools
import random

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # imported for its effect
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    PredefinedSplit,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets.batching import batched_fits
from tests.batching._comparison import Outcome, assert_same, assert_same_network
from tests.batching._drawing import CLASSES, KINDS, RATES, draw_grid, draw_network, draw_problem, without_kinks
from tests.batching._tasks import run

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger than sample size"),
]

FEW, MANY = range(3), range(3, 30)


def seeds(few=FEW, many=MANY):
    return [*few, *(pytest.param(seed, marks=pytest.mark.slow) for seed in many)]


class Case:
    """A network, perhaps at the end of a pipeline, a grid for it, and data, drawn from a seed."""

    def __init__(self, seed, kinds=KINDS, problem=(), **fixed):
        self.random = random.Random(seed)
        self.problem = draw_problem(self.random, kinds, **dict(problem))
        self.X, self.y = self.problem.make()
        self.network = draw_network(self.random, self.problem.kind, **fixed)
        self.shares_stack = self.random.random() < 0.7
        grid = draw_grid(self.random, self.network, self.problem.kind, self.shares_stack)
        self.n_folds = self.random.choice([3, 4])
        self.is_piped = self.random.random() < 0.5
        self.model = make_pipeline(StandardScaler(), self.network) if self.is_piped else self.network
        self.prefix = f"{type(self.network).__name__.lower()}__" if self.is_piped else ""
        self.grid = {self.prefix + name: values for name, values in grid.items()}
        self.n_candidates = 2 ** len(grid)
        self.option = self.random.random() < 0.5
        self.random_state = self.random.randrange(1000)

    def __repr__(self):
        return f"{self.model} {self.grid} on {self.problem}, {self.n_folds} folds"

    @property
    def is_classified(self):
        return self.problem.kind in CLASSES

    @property
    def n_of_grid(self):
        """How many networks of a search over the grid share stacks at least.

        Candidates that may differ do, fold by fold. Of those that may not each has its folds, whose sizes are two at
        most.
        """
        return self.n_candidates * (self.n_folds if self.shares_stack else self.n_folds - 1)


def network_of(model):
    return model[-1] if isinstance(model, Pipeline) else model


def predict_finely(model, X):
    """Return what a small difference between networks shows in."""
    return np.asarray(model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X))


def measure(model, X, y):
    """Return several scores, and what is left of the training where a tool keeps no estimators."""
    network, numbers = network_of(model), predict_finely(model, X)
    return {
        "score": model.score(X, y),
        "sharpness": float(np.square(numbers).mean()),
        "n_iter": network.n_iter_,
        "first_loss": network.loss_curve_[0],
        "last_loss": network.loss_curve_[-1],
    }


def error(model, X, y):
    """Return a score that small differences show in."""
    if hasattr(model, "predict_proba") and np.ndim(y) == 1:
        return get_scorer("neg_log_loss")(model, X, y)
    return -float(np.square(predict_finely(model, X) - y).mean())


def of_search(search, X):
    """Return all of a search but its times."""
    results = search.cv_results_
    scores = {name: values for name, values in results.items() if "test_" in name and "rank" not in name}
    return Outcome(scores, [network_of(search.best_estimator_)], search.predict(X), search)


def by_grid_search(case):
    search = GridSearchCV(case.model, case.grid, cv=case.n_folds, scoring=measure, refit="sharpness")
    return of_search(search.fit(case.X, case.y), case.X)


def by_randomized_search(case):
    n_iter = case.n_candidates - 1
    search = RandomizedSearchCV(case.model, case.grid, n_iter=n_iter, cv=case.n_folds, random_state=case.random_state)
    return of_search(search.fit(case.X, case.y), case.X)


def by_halving_search(case):
    # Other parameters may make no difference to a network, and which of two equal candidates stays is left to rounding.
    grid = {case.prefix + "learning_rate_init": RATES[case.network.solver]}
    search = HalvingGridSearchCV(
        case.model,
        grid,
        resource=case.prefix + "max_iter",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=case.n_folds,
        random_state=case.random_state,
        scoring=error,
    )
    return of_search(search.fit(case.X, case.y), case.X)


def by_cross_validate(case):
    results = cross_validate(
        case.model, case.X, case.y, cv=case.n_folds, scoring=measure, return_train_score=True, return_estimator=True
    )
    networks = [network_of(model) for model in results.pop("estimator")]
    return Outcome({name: values for name, values in results.items() if "time" not in name}, networks)


def by_cross_val_predict(case):
    method = "predict_proba" if case.is_classified and case.option else "predict"
    return Outcome(predictions=cross_val_predict(case.model, case.X, case.y, cv=case.n_folds, method=method))


def by_learning_curve(case):
    sizes, train, test = learning_curve(
        case.model, case.X, case.y, cv=case.n_folds, train_sizes=[0.6, 0.8, 1.0], scoring=error
    )
    return Outcome({"sizes": sizes, "train": train, "test": test})


def by_validation_curve(case):
    (name, values), *_ = case.grid.items()
    train, test = validation_curve(
        case.model, case.X, case.y, param_name=name, param_range=values, cv=case.n_folds, scoring=error
    )
    return Outcome({"train": train, "test": test})


def by_permutation_test(case):
    score, permuted, p_value = permutation_test_score(
        case.model, case.X, case.y, cv=3, n_permutations=3, scoring=error, random_state=case.random_state
    )
    return Outcome({"score": score, "permuted": permuted, "p": p_value})


def by_bagging(case):
    Bagging = BaggingClassifier if case.is_classified else BaggingRegressor
    bagging = Bagging(case.model, 4, max_samples=0.8, bootstrap=case.option, random_state=case.random_state)
    bagging.fit(case.X, case.y)
    return Outcome({}, [network_of(model) for model in bagging.estimators_], predict_finely(bagging, case.X))


def by_one_vs_rest(case):
    fitted = OneVsRestClassifier(case.model).fit(case.X, case.y)
    return Outcome({}, [network_of(model) for model in fitted.estimators_], fitted.predict(case.X))


def by_multi_output(case):
    Several = MultiOutputClassifier if case.is_classified else MultiOutputRegressor
    fitted = Several(case.model).fit(case.X, case.y[:, None] == np.unique(case.y) if case.is_classified else case.y)
    return Outcome({}, [network_of(model) for model in fitted.estimators_], fitted.predict(case.X))


def by_stacking(case):
    Stacking, Final = (StackingClassifier, LogisticRegression) if case.is_classified else (StackingRegressor, Ridge)
    fitted = Stacking(twins(case), Final(), cv=3).fit(case.X, case.y)
    return Outcome({}, [network_of(model) for model in fitted.estimators_], predict_finely(fitted, case.X))


def by_voting(case):
    fitted = VotingClassifier(twins(case), voting="soft") if case.is_classified else VotingRegressor(twins(case))
    fitted.fit(case.X, case.y)
    return Outcome({}, [network_of(model) for model in fitted.estimators_], predict_finely(fitted, case.X))


def twins(case):
    other = clone(case.model).set_params(**{case.prefix + "random_state": case.random_state})
    return [("one", case.model), ("other", other)]


# For each tool the kinds of targets that it takes, and how many networks are sure to share stacks.
TOOLS = {
    by_grid_search: (KINDS, lambda case: case.n_of_grid),
    by_randomized_search: (KINDS, lambda case: min(case.n_candidates - 1, 2)),
    by_halving_search: (KINDS, lambda case: 2 * case.n_folds),
    by_cross_validate: (KINDS, lambda case: case.n_folds - 1),
    by_cross_val_predict: (KINDS, lambda case: case.n_folds - 1),
    by_learning_curve: (KINDS, lambda case: 3 * case.n_folds),
    by_validation_curve: (KINDS, lambda case: case.n_folds),
    by_permutation_test: (("binary", "multiclass", "number"), lambda case: 3 * 3),
    by_bagging: ((*CLASSES, "number"), lambda case: 0 if case.option else 4),
    by_one_vs_rest: (("multiclass",), lambda case: 3),
    by_multi_output: (("multiclass", "numbers"), lambda case: 2),
    by_stacking: ((*CLASSES, "number"), lambda case: 2),
    by_voting: ((*CLASSES, "number"), lambda case: 2),
}


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
def test_a_tool_ends_as_it_does_outside(tool, seed):
    kinds, n_sharing = TOOLS[tool]
    case = Case(f"{tool.__name__} {seed}", kinds)
    outside = tool(case)

    with batched_fits() as report:
        inside = tool(case)

    assert_same(inside, outside)
    assert sum(report.stack_sizes) >= n_sharing(case), report


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("tool", [by_cross_validate, by_grid_search], ids=lambda tool: tool.__name__)
@pytest.mark.parametrize(
    "fixed",
    [{"early_stopping": True, "n_iter_no_change": 2}, {"class_weight": "balanced"}],
    ids=lambda fixed: next(iter(fixed)),
)
def test_what_looks_at_rows_looks_at_those_of_its_own_network(fixed, tool, seed):
    case = Case(f"{fixed} {seed}", CLASSES, **fixed)
    outside = tool(case)

    with batched_fits() as report:
        inside = tool(case)

    assert_same(inside, outside)
    assert report.stack_sizes


@pytest.mark.parametrize("seed", seeds())
def test_folds_of_unequal_size_share_a_stack(seed):
    case = Case(f"unequal {seed}", problem={"n_rows": 95}, batch_size="auto")
    case.n_folds = PredefinedSplit(np.repeat([0, 1, 2, -1], [4, 9, 14, 68]))
    outside = by_cross_validate(case)

    with batched_fits() as report:
        inside = by_cross_validate(case)

    assert_same(inside, outside)
    assert report.stack_sizes == [3]


def routed(case):
    """Return the model that asks for weights, in its fit and for its score, and the weights."""
    rng = np.random.default_rng(case.random_state)
    n_rows = len(case.y)
    weights = rng.integers(0, 3, n_rows).astype(float) if case.option else rng.uniform(0.1, 2, n_rows)
    network = clone(case.network).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    if not case.is_piped:
        return network, weights
    return make_pipeline(StandardScaler().set_fit_request(sample_weight=case.n_folds == 3), network), weights


@pytest.mark.parametrize("seed", seeds())
def test_sample_weights_are_routed_to_their_networks(seed):
    case = Case(f"routed {seed}", (*CLASSES, "number", "numbers"))

    def search():
        model, weights = routed(case)
        search = GridSearchCV(model, case.grid, cv=case.n_folds).fit(case.X, case.y, sample_weight=weights)
        results = cross_validate(
            model, case.X, case.y, cv=case.n_folds, params={"sample_weight": weights}, return_estimator=True
        )
        outcome = of_search(search, case.X)
        outcome.networks += [network_of(model) for model in results["estimator"]]
        outcome.scores["validated"] = results["test_score"]
        return outcome

    with sklearn.config_context(enable_metadata_routing=True):
        outside = search()
        with batched_fits() as report:
            inside = search()

    assert_same(inside, outside)
    if case.shares_stack:
        assert sum(report.stack_sizes) >= case.n_candidates * case.n_folds


@pytest.mark.parametrize("seed", seeds())
def test_training_goes_on_from_where_a_stack_left_it(seed):
    case = Case(f"warm start {seed}", warm_start=True, early_stopping=False)
    seeds_of_networks = range(3)
    halves = [slice(0, None, 2), slice(1, None, 2)] if case.option else [slice(None)] * 2

    def fit_twice(random_state):
        network = clone(case.network).set_params(random_state=random_state)
        for half in halves:
            network.fit(case.X[half], case.y[half])
        return network

    def pass_on(networks):
        for network in networks:
            network.partial_fit(case.X, case.y)
        return networks

    outside = pass_on([fit_twice(random_state) for random_state in seeds_of_networks])
    with batched_fits() as report:
        inside = run([lambda random_state=random_state: fit_twice(random_state) for random_state in seeds_of_networks])
    pass_on(inside)

    for ours, reference in zip(inside, outside, strict=True):
        assert_same_network(ours, reference)
    assert report.stack_sizes == [3, 3]


def in_folds(case):
    """Return scores of folds and a prediction for every row."""
    results = cross_validate(
        case.model, case.X, case.y, cv=case.n_folds, scoring=measure, return_estimator=True, return_indices=True
    )
    places = results["indices"]["test"]
    predicted = [model.predict(case.X[rows]) for model, rows in zip(results["estimator"], places, strict=True)]
    scores = {name: results[f"test_{name}"] for name in ("score", "sharpness")}
    return Outcome(scores, predictions=np.concatenate(predicted))


def are_close(one, other, tolerance):
    """Whether mean scores are as close as that, and a share of the rows as large as 2.5 times that differs at most."""
    gaps = [abs(np.mean(one.scores[name]) - np.mean(other.scores[name])) for name in one.scores]
    return max(gaps) <= tolerance and np.mean(differ(one.predictions, other.predictions)) <= 2.5 * tolerance


def differ(ours, reference):
    """Return for each row whether predictions are two classes, or numbers that are not about the same."""
    is_other = ~np.isclose(ours, reference, 1e-2, 1e-2) if reference.dtype.kind == "f" else ours != reference
    return is_other.reshape(len(ours), -1).any(axis=1)


def settled_case(seed):
    """Draw a case in single precision, and how it ends outside, that rounding of the inputs does not lead elsewhere.

    Training may do so: a bias before batch normalization, whose gradient is nothing but rounding errors, is moved by
    adam as far as any weight.
    """
    for number in itertools.count():
        problem = {"n_rows": 600, "dtype": "float32"}
        case = Case(f"single {seed} {number}", problem=problem, batch_size=50, tol=0.0, n_iter_no_change=np.inf)
        without_kinks(case.network)
        outside = in_folds(case)
        inputs, case.X = case.X, np.nextafter(case.X, np.float32(np.inf))
        rounded = in_folds(case)
        case.X = inputs
        if are_close(outside, rounded, 2e-4):
            return case, outside


@pytest.mark.parametrize("seed", seeds())
def test_single_precision_comes_close(seed):
    case, outside = settled_case(seed)

    with batched_fits() as report:
        inside = in_folds(case)

    assert are_close(inside, outside, 2e-3)
    assert sum(report.stack_sizes) >= case.n_folds - 1
