"""Between the parameters of Optuna's trials and those of an estimator."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial, FrozenTrial, Trial

_PRIMITIVE = (bool, int, float, str, type(None))


class Space:
    """What is searched, in both languages.

    Choices that Optuna cannot store, such as tuples of layer sizes, go to it under their names.

    Parameters
    ----------
    distributions : mapping or callable
        Parameters' names and their distributions or lists of values, or a function from a trial to parameters.
    estimator : estimator
        Whose parameters these are.
    """

    def __init__(self, distributions: Any, estimator: Any) -> None:
        self._estimator = estimator
        self._function: Callable[[Any], dict[str, Any]] | None = None
        self._distributions: dict[str, BaseDistribution] = {}
        self._choices: dict[str, dict[str, Any]] = {}
        if callable(distributions):
            self._function = distributions
            return
        if not isinstance(distributions, Mapping):
            raise TypeError(
                "param_distributions must be a dictionary from parameters' names to Optuna's distributions, a function "
                f"from a trial to parameters, or None; got {distributions!r}."
            )
        if not distributions:
            raise ValueError(
                "param_distributions is empty, so that there is nothing to search. Give at least one parameter and its "
                "distribution, or None for those that suggest_space chooses."
            )
        self._check_names(distributions)
        for name, distribution in distributions.items():
            self._distributions[name] = self._translate(name, distribution)

    def ask(self, trial: Trial) -> dict[str, Any]:
        """Have the trial's parameters sampled and return the estimator's."""
        if self._function is not None:
            return self._ask_function(trial)
        for name, distribution in self._distributions.items():
            _suggest(trial, name, distribution)
        return self.translate(trial)

    def translate(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the estimator's parameters for a trial that has its own."""
        if self._function is not None:
            return self._ask_function(FixedTrial(trial.params, number=trial.number))
        return {
            name: self._choices[name][value] if name in self._choices else value for name, value in trial.params.items()
        }

    def start(self) -> dict[str, Any] | None:
        """Return the estimator's own parameters as Optuna has them; None where the space does not contain them."""
        if self._function is not None:
            return None
        own, start = self._estimator.get_params(deep=True), {}
        for name, distribution in self._distributions.items():
            if name not in own:
                return None
            value = _label(own[name]) if name in self._choices else own[name]
            if not _contains(distribution, value):
                return None
            start[name] = value
        return start

    def _ask_function(self, trial: Any) -> dict[str, Any]:
        params = self._function(trial) if self._function is not None else {}
        if not isinstance(params, Mapping):
            raise TypeError(
                "param_distributions, a function, must return a dictionary of parameters; "
                f"got {params!r}. End it with `return {{'name': value}}`."
            )
        self._check_names(params)
        return dict(params)

    def _check_names(self, names: Mapping[str, Any]) -> None:
        known = self._estimator.get_params(deep=True)
        # Parts that are searched themselves may bring parameters of their own.
        parts = {name for name in names if name in known}
        unknown = [name for name in names if name not in known and name.rpartition("__")[0] not in parts]
        if unknown:
            raise ValueError(
                f"param_distributions has parameters that {type(self._estimator).__name__} does not have: {unknown}. "
                f"It has {sorted(known)}."
            )

    def _translate(self, name: str, distribution: Any) -> BaseDistribution:
        if isinstance(distribution, list | tuple | np.ndarray) and len(distribution):
            choices: list[Any] = list(distribution)
        elif isinstance(distribution, CategoricalDistribution):
            choices = list(distribution.choices)
        elif isinstance(distribution, BaseDistribution):
            return distribution
        else:
            raise TypeError(
                f"param_distributions[{name!r}] must be one of Optuna's distributions or a list of values; got "
                f"{distribution!r}. Write for example optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)."
            )
        if not all(isinstance(choice, _PRIMITIVE) for choice in choices):
            self._choices[name] = {_label(choice): choice for choice in choices}
            choices = list(self._choices[name])
        return CategoricalDistribution(choices)


def _label(value: Any) -> str:
    # Parameters that take a sequence take any.
    value = tuple(value) if isinstance(value, list) else value
    return value.__name__ if isinstance(value, type) else repr(value)


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (TypeError, ValueError):
        return False


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, FloatDistribution):
        trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, IntDistribution):
        trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)
