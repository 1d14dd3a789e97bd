"""All rows, for as many epochs as were best in the folds."""

import pytest
from sklearn.model_selection import GridSearchCV

from sknets.model_selection import ValidationMonitor, epoch_curves, refit_at_best_epoch
from sknets.model_selection._refit import average_over_folds, find_best_epoch
from tests.contract._cases import FEW_EPOCHS

pytestmark = pytest.mark.filterwarnings(FEW_EPOCHS)

GRID = {"mlpclassifier__alpha": [1e-4, 1.0]}


@pytest.mark.parametrize(
    ("averages", "best"), [([], None), ([float("nan")], None), ([0.1, 0.5, 0.5], 2), ([0.2, float("nan"), 0.1], 1)]
)
def test_the_best_epoch_is_the_first_of_the_best(averages, best):
    assert find_best_epoch(averages) == best


def test_a_fold_that_has_ended_counts_with_its_last_score():
    assert average_over_folds([[0.0, 1.0, 2.0], [4.0], []]) == [2.0, 2.5, 3.0]


def test_a_search_of_scikit_learn_is_refitted_at_its_best_epoch(pipeline, tumours):
    pipeline[-1].set_callbacks(ValidationMonitor())
    pipeline.set_params(mlpclassifier__learning_rate_init=0.05, mlpclassifier__early_stopping=True)
    search = GridSearchCV(pipeline, GRID, cv=3, refit=False).fit(*tumours)

    best = refit_at_best_epoch(search, *tumours)

    curves = (
        epoch_curves(search)
        .query("candidate == @search.best_index_")
        .pivot(index="epoch", columns="fold", values="valid_score")
    )
    assert best[-1].n_iter_ == curves.ffill().mean(axis=1).idxmax()
    assert best[-1].t_ == best[-1].n_iter_ * len(tumours[0])
    assert best[-1].alpha == search.best_params_["mlpclassifier__alpha"]


def test_a_search_without_curves_says_what_it_needs(pipeline, tumours):
    search = GridSearchCV(pipeline, GRID, cv=2).fit(*tumours)

    with pytest.raises(ValueError, match="ValidationMonitor"):
        refit_at_best_epoch(search, *tumours)


def test_a_search_without_a_best_candidate(pipeline, tumours):
    search = GridSearchCV(pipeline, GRID, cv=2, scoring=["accuracy", "roc_auc"], refit=False).fit(*tumours)

    with pytest.raises(ValueError, match="refit=False"):
        refit_at_best_epoch(search, *tumours)
