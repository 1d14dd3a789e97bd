"""Optuna's search as an estimator of scikit-learn."""

import os
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config
from joblib.parallel import ParallelBackendBase, get_active_backend
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning

from sknets._parameter_checks import COUNT, POSITIVE, StrOptions, store_parameters
from sknets._randomness import draw_seed
from sknets._sklearn_compat import BaseSearchCV
from sknets._warnings import warn_user
from sknets.base import unchanged_on_failure, watched_by
from sknets.model_selection._fold_runs import Objective
from sknets.model_selection._networks_inside import networks_inside, predicts_with
from sknets.model_selection._pruners import PRUNERS, make_pruner
from sknets.model_selection._refit import EndsAfter
from sknets.model_selection._sampler_seeds import copy_sampler
from sknets.model_selection._search_loop import SearchLoop
from sknets.model_selection._search_results import add_optunas_columns, rank_complete_trials_first
from sknets.model_selection._search_spaces import suggest_space
from sknets.model_selection._space import Space
from sknets.model_selection._study import open_study
from sknets.model_selection._trial_backend import TrialBackend


class OptunaSearchCV(BaseSearchCV):
    """Search by Optuna that ends hopeless trials early, epoch by epoch, over all folds and through pipelines.

    A search as scikit-learn's :class:`~sklearn.model_selection.RandomizedSearchCV` is one, with trials that Optuna
    proposes from the results of those before. After every epoch the pruner is shown the mean of the folds' scores on
    their held-out rows, and may end the trial in all folds. Held-out rows are scored and nothing else.

    Parameters
    ----------
    estimator : estimator
        A network of sknets, a pipeline that ends with one, or any other estimator (with ``pruner=None``). The trial
        with number 0 has its own parameters, if the space contains them.
    param_distributions : dict, callable or None, default=None
        Parameters' names and their distributions (``optuna.distributions``) or lists of values; a function that is
        given an Optuna trial and returns a dictionary of parameters; or None for :func:`suggest_space`.
    n_trials : int or None, default=50
        How many trials the study is to have in the end: those that are in ``storage`` already, and those of other
        processes, count. None leaves the end to ``timeout``.
    cv : int, cross-validation generator or iterable, default=5
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn. With several scores the one that ``refit`` names is maximised, else the first.
    pruner : {"median", "hyperband", "successive_halving"}, optuna.pruners.BasePruner or None, default="median"
        What ends trials. "median" begins after five trials and looks at a trial from its fifth epoch on. Its steps are
        epochs, from 1. None lets every trial run to its end.
    sampler : optuna.samplers.BaseSampler or None, default=None
        What proposes trials; None for Optuna's TPE. The search works on a copy.
    storage : str, path-like, optuna.storages.BaseStorage or None, default=None
        Where the study is kept: the path of an SQLite file, any URL of Optuna's, or None for memory. Several processes
        on one study share its trials; trials of a process that dies are run again by the others.
    study_name : str or None, default=None
        The same name in the same storage goes on with the same study.
    timeout : float or None, default=None
        Seconds after which no further trial begins.
    trials_at_once : int, default=1
        Trials that are proposed before one of their results is known, and run together. Up to as many processes as
        there are trials at once can work on them.
    n_jobs : int or None, default=None
        As in scikit-learn. The folds of a trial that may be pruned stay in one process, so that with fewer trials at
        once than jobs they run in threads.
    refit : bool, str or callable, default=True
        As in scikit-learn.
    refit_epochs : {"best"} or None, default="best"
        "best" trains the last fit, on all rows, for as many epochs as gave the folds' best mean score; its own
        stopping rule and the hold-out of early stopping do not count there. None leaves it to the estimator.
    random_state : int, RandomState instance or None, default=None
        Seed of the proposals, with any sampler. The same integer and ``trials_at_once`` give the same trials, scores
        and curves under any ``n_jobs`` and under :func:`sknets.batched_fits`, if the estimator has a seed, too.
    error_score : "raise" or float, default=nan
        As in scikit-learn. A trial with a fold that fails is a failed one; the search goes on.
    return_train_score : bool, default=False
        Whether training rows are scored, at the end and after every epoch.
    verbose : int, default=0
        Whether to print a line a trial. ``set_callbacks(sklearn.callback.ProgressBar())`` shows a bar.

    Attributes
    ----------
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        As in scikit-learn.
    cv_results_ : dict of ndarray
        scikit-learn's columns, and Optuna's: ``number``, ``state`` ("COMPLETE", "PRUNED", "FAIL"), ``datetime_start``,
        ``datetime_complete``, ``duration``; and ``n_epochs`` and ``best_epoch``, 0 where there were none. Scores of a
        pruned trial are those of its last epoch; it ranks behind all that are complete.
    study_ : optuna.Study
        Choices that Optuna cannot store, such as tuples, stand there under their names.
    classes_, n_features_in_, feature_names_in_
        Those of ``best_estimator_``.

    See Also
    --------
    suggest_space : The space that None stands for.
    epoch_curves : Losses and scores of every trial, fold and epoch.
    sknets.batched_fits : A report on how the networks were trained.

    Notes
    -----
    The networks of all folds and of all trials at once are trained side by side where they are alike, as inside of
    :func:`sknets.batched_fits`; pruned ones leave their stack. Networks that cannot be stacked take turns after every
    epoch.

    A pruner sees the trials that were finished when a trial was proposed, not those that run beside it: which of them
    has come how far would depend on the number of jobs.

    References
    ----------
    .. [1] T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama, Optuna: A Next-generation Hyperparameter Optimization
       Framework, KDD 2019, arXiv:1907.10902.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknets import MLPClassifier
    >>> from sknets.model_selection import OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), learning_rate="cosine", max_iter=30, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network)
    >>> space = {"mlpclassifier__learning_rate_init": FloatDistribution(1e-3, 1.0, log=True)}
    >>> search = OptunaSearchCV(pipeline, space, n_trials=8, cv=3, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    """

    _parameter_constraints: dict = {
        **{
            name: constraint
            for name, constraint in BaseSearchCV._parameter_constraints.items()
            if name != "pre_dispatch"
        },
        "param_distributions": [dict, callable, None],
        "n_trials": [COUNT, None],
        "pruner": [StrOptions(set(PRUNERS)), BasePruner, None],
        "sampler": [BaseSampler, None],
        "storage": [str, os.PathLike, BaseStorage, None],
        "study_name": [str, None],
        "timeout": [POSITIVE, None],
        "trials_at_once": [COUNT],
        "refit_epochs": [StrOptions({"best"}), None],
        "random_state": ["random_state"],
    }

    #: scikit-learn reads it; joblib is always given all folds that are to run.
    pre_dispatch = "all"

    # scikit-learn's, whose text refers to a glossary of its own.
    n_features_in_ = property(
        BaseSearchCV.n_features_in_.fget, doc="Number of features of the rows that it was fitted on."
    )

    def __init__(
        self,
        estimator,
        param_distributions=None,
        n_trials=50,
        cv=5,
        scoring=None,
        pruner="median",
        sampler=None,
        storage=None,
        study_name=None,
        timeout=None,
        trials_at_once=1,
        n_jobs=None,
        refit=True,
        refit_epochs="best",
        random_state=None,
        *,
        error_score=float("nan"),
        return_train_score=False,
        verbose=0,
    ):
        store_parameters(self, locals())

    def fit(self, X, y=None, **params):
        """Search.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        **params : dict
            Passed to ``fit`` of the estimator, to the scorer and to the splitter, as scikit-learn's searches do;
            what has a value for each row, such as ``sample_weight``, is divided among the folds.

        Returns
        -------
        self : OptunaSearchCV

        Raises
        ------
        ValueError
            For parameters that the estimator does not have, an empty space, a pruner where there are no epochs, a
            storage that cannot be reached, or if all trials fail.
        """
        during = _DuringFit(X, y, params)
        with (
            unchanged_on_failure(self),
            self._remembering(during),
            parallel_config(backend=TrialBackend(lambda functions: during.loop.run_folds(functions), during.backend)),
            watched_by(EndsAfter(self._epochs_of_refit)),
        ):
            super().fit(X, y, **params)
        self.study_ = during.loop.study
        self._fold_curves = [run.curves for run in during.loop.runs]
        return self

    @contextmanager
    def _remembering(self, during):
        self._during_fit = during
        yield
        del self._during_fit

    def _run_search(self, evaluate_candidates, *, callback_ctx=None):
        """Run the loop; scikit-learn calls this in the middle of ``fit``."""
        during = self._during_fit
        self._check_limits()
        seed, pruner = self._draw_seed(), self._make_pruner()
        context = callback_ctx.subcontext(task_name="search", max_subtasks=self._count_rounds())
        context.call_on_fit_task_begin(estimator=self)
        during.loop = SearchLoop(
            space=self._make_space(),
            study=self._open_study(seed, pruner),
            objective=Objective(self.refit if isinstance(self.refit, str) else None),
            pruner=pruner,
            seed=seed,
            n_folds=self.n_splits_,
            n_trials=self.n_trials,
            timeout=self.timeout,
            trials_at_once=self.trials_at_once,
            is_shared=self.storage is not None,
            with_training=self.return_train_score,
            backend=during.backend,
            n_jobs=during.n_jobs if self.n_jobs is None else self.n_jobs,
            is_default=during.is_default,
            say=print if self.verbose else _say_nothing,
        )
        during.loop.run(lambda params: self._evaluate(evaluate_candidates, params, context))
        context.call_on_fit_task_end(estimator=self)
        self._check_success(during.loop)
        during.results.update(super()._format_results(*during.to_format))
        add_optunas_columns(during.results, during.loop.trials, during.loop.runs)
        rank_complete_trials_first(during.results)

    def _evaluate(self, evaluate_candidates, params, context):
        """Have scikit-learn hand the folds of some trials over, as a task of its callbacks."""
        task = context.subcontext(
            task_name="trials", max_subtasks=len(params) * self.n_splits_, sequential_subtasks=False
        )
        task.call_on_fit_task_begin(estimator=self)
        evaluate_candidates(params, callback_ctx=task)
        task.call_on_fit_task_end(estimator=self)

    def _count_rounds(self):
        """Return how often trials are proposed; None where other processes, or a timeout, may end that earlier."""
        if self.n_trials is None or self.storage is not None:
            return None
        return -(-self.n_trials // self.trials_at_once)

    def _format_results(self, candidate_params, n_splits, out, more_results=None):
        # scikit-learn asks for the whole table after each trial; it is made once, in the end.
        self._during_fit.to_format = (candidate_params, n_splits, out, more_results)
        return self._during_fit.results

    def __getstate__(self):
        # Every fold that is sent to another process has the search with it.
        state = dict(super().__getstate__())
        state.pop("_during_fit", None)
        return state

    def _check_limits(self):
        if self.n_trials is None and self.timeout is None:
            raise ValueError(
                "One of n_trials and timeout must say when the search ends; got None for both. Give for example "
                "n_trials=50."
            )

    def _make_space(self):
        distributions = self.param_distributions
        if distributions is None:
            distributions = suggest_space(self.estimator, *self._during_fit.rows)
        return Space(distributions, self.estimator)

    def _make_pruner(self):
        pruner = make_pruner(self.pruner)
        has_epochs = (
            networks_inside(self.estimator) or callable(self.param_distributions) or self._searches_estimators()
        )
        if pruner is not None and not has_epochs:
            raise ValueError(
                f"pruner={self.pruner!r} needs a network of sknets, whose epochs it looks at; got "
                f"{type(self.estimator).__name__} without one. Set pruner=None."
            )
        return pruner

    def _searches_estimators(self):
        own = self.estimator.get_params(deep=True)
        return any(hasattr(own.get(name), "fit") for name in self.param_distributions or {})

    def _draw_seed(self):
        # A sampler of the user's that has a seed of its own keeps it where the search has none.
        return None if self.random_state is None and self.sampler is not None else draw_seed(self.random_state)

    def _open_study(self, seed, pruner):
        sampler = TPESampler() if self.sampler is None else self.sampler
        return open_study(self.storage, self.study_name, copy_sampler(sampler, seed), pruner)

    def _check_success(self, loop):
        trials = loop.trials
        if not trials:
            raise ValueError(f"No trial was finished within timeout={self.timeout} seconds. Give the search more time.")
        n_failed = sum(trial.state is TrialState.FAIL for trial in trials)
        if n_failed == len(trials):
            self._raise_by_itself(n_failed)
            raise ValueError(
                f"All {n_failed} trials failed, although the estimator can be fitted as it is; the first "
                f"with: {loop.first_error()} Change param_distributions, or set error_score='raise' to find out more."
            )
        if n_failed:
            warn_user(
                f"{n_failed} of {len(trials)} trials failed; the first with: {loop.first_error()} "
                "Set error_score='raise' to see the whole error.",
                FitFailedWarning,
            )

    def _raise_by_itself(self, n_failed):
        """Raise what ails the estimator with its own parameters, if anything does: the data, most likely."""
        X, y = self._during_fit.rows
        fit_params = self._get_routed_params_for_fit(self._during_fit.params).estimator.fit
        try:
            clone(self.estimator).fit(*((X,) if y is None else (X, y)), **fit_params)
        except Exception as error:
            error.add_note(f"All {n_failed} trials of the search failed, and so does the estimator by itself.")
            raise

    def _epochs_of_refit(self, network):
        """Return how many epochs a network is to be trained for, if it is that of the last fit."""
        best = vars(self).get("best_estimator_")
        if self.refit_epochs is None or best is None or not predicts_with(best, network):
            return None
        return int(self._during_fit.results["best_epoch"][self.best_index_]) or None


class _DuringFit:
    """What a search needs while it is being fitted."""

    loop: SearchLoop
    to_format: tuple[Any, ...]

    def __init__(self, X, y, params):
        self.rows, self.params = (X, y), params
        self.backend, self.n_jobs = get_active_backend()
        with parallel_config() as config:
            # Whether somebody has chosen the backend.
            self.is_default = not isinstance(config["backend"], ParallelBackendBase)
        self.results: dict[str, Any] = {}


def _say_nothing(line):
    pass
