"""How much each searched parameter matters, by Optuna."""

from typing import Any

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState
from sklearn.utils.validation import check_is_fitted

from sknets.model_selection._study import quiet_optuna

#: Fewer finished trials say nothing.
LEAST_TRIALS = 2


def parameter_importances(search: Any) -> dict[str, float]:
    """Return which share of the scores' variance each searched parameter explains.

    Parameters
    ----------
    search : OptunaSearchCV
        Fitted.

    Returns
    -------
    importances : dict of float
        By the parameter's name, the largest first; they add up to 1. Empty where fewer than two trials ran to their
        ends, all of them scored alike, or they have no parameter in common.

    Raises
    ------
    TypeError
        If the search is none of Optuna's.

    See Also
    --------
    sknets.displays.SearchDisplay : Draws them.

    Notes
    -----
    Pruned trials do not count. The figures are estimates from a random forest that is fitted to the trials, with a
    fixed seed; those of a dozen trials are little more than a hint.

    References
    ----------
    F. Hutter, H. Hoos, K. Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.model_selection import OptunaSearchCV, parameter_importances
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate="cosine", max_iter=10, random_state=0)
    >>> space = {"alpha": FloatDistribution(1e-6, 1e-4), "learning_rate_init": FloatDistribution(1e-4, 0.1, log=True)}
    >>> search = OptunaSearchCV(network, space, n_trials=12, cv=3, pruner=None, random_state=0).fit(X, y)
    >>> next(iter(parameter_importances(search)))
    'learning_rate_init'
    """
    if not hasattr(search, "trials_at_once"):
        raise TypeError(
            f"search must be an OptunaSearchCV, whose study tells how much each parameter matters; got "
            f"{type(search).__name__}."
        )
    check_is_fitted(search, "study_")
    complete = search.study_.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = {trial.value for trial in complete}
    common = set.intersection(*(set(trial.params) for trial in complete)) if complete else set()
    if len(complete) < LEAST_TRIALS or len(values) == 1 or not common:
        return {}
    with quiet_optuna():
        return dict(get_param_importances(search.study_, evaluator=FanovaImportanceEvaluator(seed=0)))
