"""Searches that see every epoch of every fold."""

from typing import TYPE_CHECKING

from sknets._lazy import lazy_doors

__getattr__, __dir__ = lazy_doors(
    __name__,
    {
        "EarlyStopping": "sknets.model_selection._early_stopping",
        "OptunaSearchCV": "sknets.model_selection._optuna_search",
        "ValidationMonitor": "sknets.model_selection._validation_monitor",
        "epoch_curves": "sknets.model_selection._epoch_curves",
        "parameter_importances": "sknets.model_selection._importances",
        "refit_at_best_epoch": "sknets.model_selection._refit",
        "suggest_space": "sknets.model_selection._search_spaces",
    },
)

__all__ = [
    "EarlyStopping",
    "OptunaSearchCV",
    "ValidationMonitor",
    "epoch_curves",
    "parameter_importances",
    "refit_at_best_epoch",
    "suggest_space",
]

if TYPE_CHECKING:
    from sknets.model_selection._early_stopping import EarlyStopping
    from sknets.model_selection._epoch_curves import epoch_curves
    from sknets.model_selection._importances import parameter_importances
    from sknets.model_selection._optuna_search import OptunaSearchCV
    from sknets.model_selection._refit import refit_at_best_epoch
    from sknets.model_selection._search_spaces import suggest_space
    from sknets.model_selection._validation_monitor import ValidationMonitor
