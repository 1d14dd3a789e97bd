"""What all estimators share: from X and y to a plan, from a trained net to fitted attributes and predictions."""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from sknets._arrays import as_array_like
from sknets._device import resolve_device, resolve_precision
from sknets._parameter_checks import check_parameters
from sknets._randomness import draw_seed, make_random_state
from sknets._sklearn_compat import CallbackSupportMixin
from sknets._warnings import warn_user
from sknets.base._convergence import warn_unless_converged
from sknets.base._epoch_tasks import fit_task
from sknets.base._failure import unchanged_on_failure
from sknets.base._rows import PreparedRows, as_inputs, floating_dtype
from sknets.base._watchers import exact_epochs_of, watches_of
from sknets.base._weights import check_weights, drop_weightless
from sknets.batching import train
from sknets.training import (
    LOSSES,
    InMemoryNet,
    LossSpec,
    ModuleSpec,
    Penalty,
    Recipe,
    ScheduleSpec,
    SolverSpec,
    StoppingSpec,
    TrainingPlan,
    check_callbacks,
    column,
    get_solver,
    history_rows,
    last_row,
    make_net,
    split_off_validation,
)


class BaseNetwork(CallbackSupportMixin, BaseEstimator, ABC):
    """An estimator that owns a skorch net.

    A concrete estimator says what its module, loss, penalty, solver and stopping rule are; a classifier or regressor
    between them says how targets become numbers and outputs become predictions.
    """

    #: What batch_size="auto" stands for; None for as many rows as scikit-learn takes.
    _auto_batch_size: int | None = None

    #: The method that all predictions come from.
    _source_of_predictions = "_outputs"

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature anew a dozen times for each fit of a search.
        return super()._get_param_names()

    def _validate_params(self) -> None:
        # scikit-learn makes a constraint object for each of all parameters, for each fit of a search.
        check_parameters(self)

    @abstractmethod
    def _check_X(self, X: Any) -> Any:
        """Return further rows to predict for, in the form of those of fit."""

    @abstractmethod
    def _check_X_y(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """Return rows and targets as arrays; learn the rows' width and names with ``reset``."""

    @abstractmethod
    def _prepare_module(self, net: InMemoryNet, rows: PreparedRows, is_fresh: bool) -> None:
        """Tell the module what it must know of the training rows."""

    @abstractmethod
    def _module_spec(self, n_outputs: int) -> ModuleSpec:
        """How to build the module."""

    @abstractmethod
    def _loss_spec(self) -> LossSpec:
        """What is minimised."""

    @abstractmethod
    def _penalty(self, weight_sum: float, mean_weight: float) -> Penalty:
        """What is added to the mean loss, given the training rows' weights."""

    @abstractmethod
    def _solver_spec(self) -> SolverSpec:
        """How it is minimised."""

    @abstractmethod
    def _schedule_spec(self) -> ScheduleSpec:
        """How the learning rate changes."""

    @abstractmethod
    def _stopping_spec(self, watches_score: bool) -> StoppingSpec:
        """When training ends."""

    @abstractmethod
    def _is_stepwise(self) -> bool:
        """Whether the solver learns row after row or batch after batch, so that a single pass makes sense."""

    @abstractmethod
    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        """Fitted attributes that only this estimator has."""

    @abstractmethod
    def _learn_targets(self, y: np.ndarray, classes: Any, is_fresh: bool, dtype: np.dtype) -> np.ndarray:
        """Learn the classes or the shape of y and return targets of shape (n,) or (n, n_outputs)."""

    @abstractmethod
    def _encode_targets(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Return further targets in the form of the learnt ones."""

    @abstractmethod
    def _weigh(self, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """Merge class weights into sample weights."""

    @abstractmethod
    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        """What a validation split keeps in proportion."""

    @property
    def module_(self) -> torch.nn.Module:
        """The torch module."""
        return self.net_.module_

    @property
    def device_(self) -> torch.device:
        """The device of the module."""
        return torch.device(self.net_.device)

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One row an epoch; ``pandas.DataFrame(estimator.history_)`` shows it as a table."""
        return history_rows(self.net_.history)

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss, penalty included, after every epoch."""
        return column(self.net_.history, "train_loss")

    @property
    def validation_scores_(self) -> list[float] | None:
        """The validation score after every epoch; None without early stopping."""
        return column(self.net_.history, "valid_score") if self.net_.rule.monitor == "score" else None

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        *,
        classes: Any = None,
        is_one_pass: bool = False,
    ) -> "BaseNetwork":
        """Fit by the parameters; ``is_one_pass`` is ``partial_fit``."""
        if (X_val is None) != (y_val is None):
            given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
            raise ValueError(f"X_val and y_val must be given together; got {given} without {missing}.")
        with unchanged_on_failure(self):
            earlier_net = self._net_to_continue(is_one_pass)
            rows = self._prepare_rows(X, y, sample_weight, classes, is_fresh=earlier_net is None)
            validation = None if X_val is None else self._prepare_validation(X_val, y_val)
            plan, net = self._make_plan(rows, validation, earlier_net, is_one_pass)
            with fit_task(self, X, y, sample_weight, plan) as listeners:
                watches = () if is_one_pass else watches_of(self, plan)
                net = train(replace(plan, listeners=(*plan.listeners, *listeners), watches=watches), net)
                self.__dict__.update(self._fitted_attributes(net))
            if not is_one_pass:
                warn_unless_converged(net, plan.max_epochs)
        return self

    def _initialize(self, X: Any, y: Any) -> "BaseNetwork":
        """Build the net for X and y without training it."""
        with unchanged_on_failure(self):
            rows = self._prepare_rows(X, y, None, None, is_fresh=True)
            plan, net = self._make_plan(rows, None, None, is_one_pass=False)
            net.start_training(plan)
            self.__dict__.update(self._fitted_attributes(net))
        return self

    def _net_to_continue(self, is_one_pass: bool) -> InMemoryNet | None:
        net = getattr(self, "net_", None) if is_one_pass or self.warm_start else None
        if net is not None:
            self._update_module()
        if net is not None and (self.callbacks or not is_one_pass):
            # A user's callback may raise in the middle; the estimator then still has the net of before.
            return net.branch()
        return net

    def _why_no_partial_fit(self) -> str | None:
        if not self._is_stepwise():
            return (
                f"partial_fit is only available for stochastic solvers; solver={self.solver!r} needs all rows at once. "
                "Use solver='adam' or 'sgd'."
            )
        if self.early_stopping:
            return (
                "partial_fit does not support early_stopping=True: a single pass has nothing to stop. "
                "Set early_stopping=False, or call fit."
            )
        return None

    def _prepare_rows(self, X: Any, y: Any, sample_weight: Any, classes: Any, is_fresh: bool) -> PreparedRows:
        X, y = self._check_rows(X, y, reset=is_fresh)
        weights = check_weights(as_array_like(sample_weight), y)
        targets = self._learn_targets(y, classes, is_fresh, floating_dtype(X))
        weights = self._weigh(y, weights)
        (X, targets), weights = drop_weightless([X, targets], weights)
        return PreparedRows(X, targets, weights)

    def _prepare_validation(self, X_val: Any, y_val: Any) -> PreparedRows:
        X, y = self._check_rows(X_val, y_val, reset=False)
        if is_regressor(self) and self.early_stopping and len(y) < 2:
            raise ValueError(f"X_val needs at least two rows for early stopping, whose score is R2; got {len(y)}.")
        return PreparedRows(X, self._encode_targets(y, floating_dtype(X)), None)

    def _check_rows(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = self._check_X_y(X, y, reset=reset)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _make_plan(
        self, rows: PreparedRows, validation: PreparedRows | None, net: InMemoryNet | None, is_one_pass: bool
    ) -> tuple[TrainingPlan, InMemoryNet]:
        seed = draw_seed(self.random_state)
        random = make_random_state(seed)
        exact_epochs = None if is_one_pass else exact_epochs_of(self)
        watches_score = self.early_stopping and self._is_stepwise() and exact_epochs is None
        recipe = self._make_recipe(rows, net, seed, watches_score)
        is_fresh = net is None
        if net is None:
            # scikit-learn, too, draws the initial weights first, then the validation split, then the batches.
            net = make_net(recipe, random)
        elif is_one_pass:
            random = net.random
        if watches_score and validation is None:
            parts = [rows.X, rows.targets, rows.weights]
            train_part, validation_part = split_off_validation(
                parts, self.validation_fraction, self._strata(rows.targets), random
            )
            rows, validation = PreparedRows(*train_part), PreparedRows(*validation_part)
            recipe = replace(recipe, penalty=self._weigh_penalty(rows))
        if exact_epochs is not None:
            recipe = replace(recipe, stopping=replace(recipe.stopping, patience=math.inf))
        self._prepare_module(net, rows, is_fresh)
        self._check_batches(rows, net)
        plan = TrainingPlan(
            recipe,
            train=rows.to_device(recipe.precision.dtype, recipe.device),
            validation=None if validation is None else validation.to_device(recipe.precision.dtype, recipe.device),
            max_epochs=self.max_iter,
            random=random,
            is_one_pass=is_one_pass,
        )
        return self._adapt_plan(plan, net), net

    def _adapt_plan(self, plan: TrainingPlan, net: InMemoryNet) -> TrainingPlan:
        """Change how the plan is carried out; not at all by default."""
        return plan

    def _make_recipe(self, rows: PreparedRows, net: InMemoryNet | None, seed: int, watches_score: bool) -> Recipe:
        solver = self._solver_spec()
        module = self._module_spec(self.n_outputs_)
        if net is None:
            device = resolve_device(self.device)
            if get_solver(solver.solver).runs_on_cpu:
                device = torch.device("cpu")
            precision = resolve_precision(self.precision, self._dtype_to_follow(rows.X), device)
        else:
            device, precision = torch.device(net.device), net.recipe.precision
            _check_same_module(module, net.recipe.module)
            _check_same_link(self._loss_spec(), net.recipe.loss)
        return Recipe(
            module=module,
            loss=self._loss_spec(),
            penalty=self._weigh_penalty(rows),
            solver=solver,
            schedule=self._schedule_spec(),
            stopping=self._stopping_spec(watches_score),
            score="r2" if is_regressor(self) else "accuracy",
            seed=seed,
            device=device,
            precision=precision,
            batch_size=self._batch_size(len(rows.targets)),
            shuffle=self.shuffle,
            verbose=self.verbose,
            callbacks=check_callbacks(self.callbacks),
        )

    def _weigh_penalty(self, rows: PreparedRows) -> Penalty:
        weight_sum = rows.weight_sum
        return self._penalty(weight_sum, weight_sum / len(rows.targets))

    def _dtype_to_follow(self, X: Any) -> np.dtype:
        """Return the type of numbers that precision="auto" follows; that of X by default."""
        return X.dtype

    def _batch_size(self, n_rows: int) -> int | None:
        batch_size = getattr(self, "batch_size", "auto")
        if isinstance(batch_size, str):
            return self._auto_batch_size
        if batch_size > n_rows:
            warn_user(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped: "
                f"batch_size={batch_size}, and there are {n_rows} rows.",
            )
        return int(batch_size)

    def _check_batches(self, rows: PreparedRows, net: InMemoryNet) -> None:
        n_rows, batch_size = len(rows.targets), getattr(self, "batch_size", "auto")
        if net.has_batch_normalization and (n_rows == 1 or batch_size == 1):
            raise ValueError(
                "normalization='batch' needs at least two rows in a batch to train on, and so does a backbone that has "
                f"it; got n_samples = {n_rows} and batch_size={batch_size!r}. Use more rows, normalization='layer', or "
                "None."
            )

    def _fitted_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        watches_score = net.rule.monitor == "score"
        best = float(net.rule.best)
        return {
            "net_": net,
            "n_iter_": net.n_iter,
            "t_": net.rows_seen,
            "loss_": last_row(net.history).get("train_loss", net.final_loss) if net.history else net.final_loss,
            "best_loss_": None if watches_score else best,
            "best_validation_score_": best if watches_score else None,
            **self._own_attributes(net),
        }

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the raw outputs of shape (n, n_outputs) in X's floating dtype, float32 where X has none."""
        check_is_fitted(self)
        self._update_module()
        X = self._check_X(X)
        net = self.net_
        outputs = net.outputs(as_inputs(X, net.recipe.precision.dtype, torch.device(net.device)))
        return outputs.cpu().numpy().astype(floating_dtype(X), copy=False)

    def _update_module(self) -> None:
        """Follow a parameter that scikit-learn reads when it predicts; none by default."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _check_same_module(wanted: ModuleSpec, present: ModuleSpec) -> None:
    changed = {
        name: (present.arguments[name], value)
        for name, value in wanted.arguments.items()
        if value != present.arguments[name]
    }
    if changed:
        was, now = ({name: pair[k] for name, pair in changed.items()} for k in (0, 1))
        raise ValueError(
            f"Training can only go on with the network of the last fit; it has {was}, and the parameters now ask for "
            f"{now}. Set them back, or fit a new estimator."
        )


def _check_same_link(wanted: LossSpec, present: LossSpec) -> None:
    if LOSSES[wanted.name].link != LOSSES[present.name].link:
        raise ValueError(
            f"Training can only go on with a loss of the same kind of predictions; it was {present.name!r} and is now "
            f"{wanted.name!r}. Set it back, or fit a new estimator."
        )
