"""What the estimators are built on; nothing here is fitted by itself."""

from sknets.base._availability import UnavailableMethodError, available_unless
from sknets.base._classifier import BaseNetworkClassifier
from sknets.base._estimator import BaseNetwork
from sknets.base._failure import unchanged_on_failure
from sknets.base._gradient_network import NETWORK_CONSTRAINTS, BaseGradientNetwork
from sknets.base._image_inputs import ImageInputs
from sknets.base._labels import Labels
from sknets.base._regressor import BaseNetworkRegressor
from sknets.base._rows import PreparedRows, as_inputs
from sknets.base._tabular_inputs import TabularInputs
from sknets.base._training_parameters import (
    CLASS_WEIGHT_CONSTRAINT,
    COUNT_OR_ZERO,
    DEVICE_CONSTRAINTS,
    GRADIENT_CONSTRAINTS,
    check_activation,
    check_solver_class,
    gradient_solver_spec,
    schedule_spec,
    stopping_spec,
)
from sknets.base._watchers import BaseWatcher, Lookout, watched_by

__all__ = [
    "CLASS_WEIGHT_CONSTRAINT",
    "COUNT_OR_ZERO",
    "DEVICE_CONSTRAINTS",
    "GRADIENT_CONSTRAINTS",
    "NETWORK_CONSTRAINTS",
    "BaseGradientNetwork",
    "BaseNetwork",
    "BaseNetworkClassifier",
    "BaseNetworkRegressor",
    "BaseWatcher",
    "ImageInputs",
    "Labels",
    "Lookout",
    "PreparedRows",
    "TabularInputs",
    "UnavailableMethodError",
    "as_inputs",
    "available_unless",
    "check_activation",
    "check_solver_class",
    "gradient_solver_spec",
    "schedule_spec",
    "stopping_spec",
    "unchanged_on_failure",
    "watched_by",
]
