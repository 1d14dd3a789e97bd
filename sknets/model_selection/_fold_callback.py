"""What callbacks share that score the rows which a network does not see."""

from typing import Any

from sklearn.metrics import check_scoring

from sknets._sklearn_compat import find_running_fold, get_context_path
from sknets.base import BaseWatcher
from sknets.model_selection._fold_watch import score_fold
from sknets.model_selection._networks_inside import predicts_with
from sknets.model_selection._scored_rows import ScoredRows
from sknets.training import TrainingPlan


class BaseFoldCallback(BaseWatcher):
    """A callback of scikit-learn's protocol that looks at the held-out rows of the fold that a network is fitted in.

    Set it on a network, by itself or in a pipeline. Held-out rows are scored and nothing else.
    """

    def __init__(self, scoring: Any = None) -> None:
        self.scoring = scoring

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing is to be done before a fit."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is to be done after a fit."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Epochs are seen by a watch."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Epochs are seen by a watch."""

    def _score_fold(
        self, network: Any, plan: TrainingPlan, with_training: bool
    ) -> tuple[Any, tuple[ScoredRows, ScoredRows | None]] | None:
        """Return the fold and its rows; None outside of a cross-validation, or where others use the network."""
        fold = find_running_fold()
        if fold is None or not predicts_with(fold.estimator, network):
            return None
        scorer = None if self.scoring is None else check_scoring(fold.estimator, self.scoring)
        return fold, score_fold(network, plan, fold, scorer=scorer, with_training=with_training)


def is_refit(network: Any) -> bool:
    """Whether a network is in the last fit of a search, which has no fold."""
    path = get_context_path(network._callback_fit_ctx)
    return any("refit-with-best-params" in (task.task_name, task.source_task_name) for task in path)
