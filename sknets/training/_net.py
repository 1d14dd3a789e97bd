"""The skorch net behind every estimator: skorch's interface and callbacks around a lean training loop.

skorch's own loop reads rows one by one through a DataLoader and asks the device for a number after every batch. This
net keeps skorch's verbs (``initialize``, ``partial_fit``, ``notify``, ``history``, ``callbacks_``, ``save_params``...)
and replaces what is between them.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from torch import nn

from sknets._randomness import make_torch_generator
from sknets._warnings import warn_user
from sknets.nn import BaseRandomLayer, BatchNormalization, build_blank, build_isolated, initialise
from sknets.training._batches import BatchOrder, TensorBatches
from sknets.training._closed_form import solve_exactly
from sknets.training._epoch_log import close_interrupted_epoch
from sknets.training._full_batch import minimise
from sknets.training._gradient_descent import descend
from sknets.training._history import open_row
from sknets.training._losses import LOSSES
from sknets.training._net_state import portable_state, restore_portable_state
from sknets.training._perceptron_rule import apply_perceptron_rule
from sknets.training._plan import ModuleSpec, Penalty, Recipe, Rows, TrainingPlan
from sknets.training._row_sources import RowSource
from sknets.training._schedules import SCHEDULES, Constant, Schedule
from sknets.training._snapshot import Snapshot
from sknets.training._solvers import Solver, get_solver, make_optimizer, penalty_in_loss
from sknets.training._stopping import StoppingRule
from sknets.training._watch import BaseWatch
from sknets.training._work import Work, measure_work

#: scikit-learn's batch size where the user gives none and there are more rows.
DEFAULT_BATCH_SIZE = 200

# Numbers in the widest tensor of one forward pass over rows that are not trained on: 8 MiB in single precision. Larger
# ones leave the cache, and predictions of a convolutional network took twice the time.
MAX_PASS_ELEMENTS = 2**21

INTERRUPTED = "Training interrupted by user."

NET_IS_OWNED = (
    "The net of an sknets estimator trains on the rows that its estimator prepares. Call fit or partial_fit of the "
    "estimator instead of its net_"
)

METHODS = {
    "gradient": descend,
    "full_batch": minimise,
    "closed_form": solve_exactly,
    "perceptron_rule": apply_perceptron_rule,
}


_TORCH_PARTS = (nn.Module, torch.optim.Optimizer)


class RowsDataset(Dataset):
    """Rows as skorch's callbacks expect a data set."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows.inputs, rows.targets, length=len(rows))
        self.rows = rows
        self.n_rows = len(rows)


class InMemoryNet(NeuralNet):
    """A skorch net that trains on tensors that lie on its device.

    Parameters
    ----------
    recipe : Recipe
        Everything about the training but the rows.
    random : numpy.random.RandomState
        Draws the initial weights, then the order of the rows.
    **kwargs
        skorch's own parameters.
    """

    def __init__(
        self, module: type[nn.Module], *, recipe: Recipe, random: np.random.RandomState, **kwargs: Any
    ) -> None:
        kwargs.setdefault("iterator_train", TensorBatches)
        kwargs.setdefault("iterator_valid", TensorBatches)
        kwargs.setdefault("train_split", None)
        super().__init__(module, **kwargs)
        self.recipe = recipe
        self.random = random
        self.rule = StoppingRule(recipe.stopping.tol, recipe.stopping.patience, recipe.stopping.monitor)
        self.best_snapshot: Snapshot | None = None
        self.last_finite: Snapshot | None = None
        self.before_last_finite: Snapshot | None = None
        self.rows_seen = 0
        self.n_iter = 0
        self.final_loss = math.nan

    def __setattr__(self, name: str, value: Any) -> None:
        # skorch looks every name up, several times an epoch, for the sake of those that hold parts of torch.
        if isinstance(value, _TORCH_PARTS):
            super().__setattr__(name, value)
        else:
            object.__setattr__(self, name, value)

    # Not in __init__: skorch would take it for a module's part.
    _work: Any = None

    #: Who looks on; for one training only.
    watches: tuple[BaseWatch, ...] = ()

    # Set when a training begins.
    schedule: Schedule
    order: BatchOrder
    epochs_of_fit: int
    epoch_data: dict[str, Any]

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    def initialize(self) -> "InMemoryNet":
        """Build all parts, without looking for parameters of parts, which this net does not have."""
        self._initialize_virtual_params()
        self._initialize_callbacks()
        with self._current_init_context("module"):
            self.initialize_module()
        with self._current_init_context("criterion"):
            self.initialize_criterion()
        self._initialize_optimizer()
        self._initialize_history()
        self.initialized_ = True
        return self

    def initialize_callbacks(self) -> "InMemoryNet":
        """Initialize the callbacks, if there are any; skorch makes a class even for none."""
        if self.callbacks:
            super().initialize_callbacks()
        else:
            self.callbacks_: list[Any] = []
        return self

    def initialize_module(self) -> "InMemoryNet":
        """Build the module without drawing from torch's global generator."""
        dtype = self.recipe.precision.dtype
        module = self._build_module(self.recipe.module, dtype)
        parameters = list(module.parameters())
        if self.device != "cpu" or any(parameter.dtype != dtype for parameter in parameters):
            module = module.to(device=self.device, dtype=dtype)
        if any(parameter.ndim == 4 for parameter in parameters):
            # Convolutions are faster on pixels whose channels stand side by side.
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in stubs
        self.module_ = module
        self.give_generators()
        return self

    def _build_module(self, spec: ModuleSpec, dtype: torch.dtype) -> nn.Module:
        if spec.initialiser is None:
            return build_isolated(spec.module_class, self.recipe.seed, **spec.arguments).to(dtype)
        blank = build_blank(spec.module_class, spec.arguments, dtype)
        return initialise(blank, spec.initialiser, self.random)

    def give_generators(self) -> None:
        """Give each layer that draws random numbers, and has none yet, a generator of its own."""
        layers = [layer for layer in self.module_.modules() if isinstance(layer, BaseRandomLayer)]
        for index, layer in enumerate(layers):
            # One each: a shared one would come apart when the module is copied.
            if layer.generator is None:
                device = torch.device(layer.generator_device or self.device)
                layer.generator = make_torch_generator(
                    self.recipe.seed, device, f"{type(layer).__name__.lower()} {index}"
                )

    def initialize_criterion(self) -> "InMemoryNet":
        """Build the loss."""
        self.criterion_ = LOSSES[self.recipe.loss.name](**self.recipe.loss.arguments)
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> "InMemoryNet":
        """Build the optimizer from the recipe."""
        self.optimizer_ = make_optimizer(self.recipe.solver, self.module_, self.recipe.penalty)
        return self

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        """Open the log's next row; skorch's own way copies the whole log."""
        open_row(self.history)

    def infer(self, x: Any, **fit_params: Any) -> torch.Tensor:
        """Apply the module to one batch."""
        inputs = x["X"] if isinstance(x, Mapping) and "X" in x else x
        return self.module_(torch.as_tensor(inputs).to(device=self.device, dtype=self.recipe.precision.dtype))

    def get_loss(
        self, y_pred: torch.Tensor, y_true: torch.Tensor, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """Return the mean loss of one batch, without penalty."""
        return self.criterion_(y_pred, y_true.to(y_pred.device))

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "InMemoryNet":
        """Refuse: skorch would throw the estimator's weights away first."""
        raise TypeError(f"{NET_IS_OWNED}; got {type(X).__name__}.")

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> "InMemoryNet":
        """Run the recipe's method for at most ``epochs`` epochs over a RowsDataset."""
        if not isinstance(X, RowsDataset):
            raise TypeError(f"{NET_IS_OWNED}; got {type(X).__name__}.")
        validation: RowsDataset | None = fit_params.get("validation")
        self._begin({"dataset_train": X, "dataset_valid": validation})
        method = METHODS[self.solver.method]
        try:
            method(self, X.rows, validation.rows if validation else None, self.max_epochs if epochs is None else epochs)
        except KeyboardInterrupt:
            self.was_interrupted = True
            close_interrupted_epoch(self, len(X.rows))
            if not self.snapshot().is_finite():
                self.restore_last_finite()
            self.restore_best()
            warn_user(INTERRUPTED)
        finally:
            self.last_finite = self.before_last_finite = None
            del self.epoch_data
            self.module_.eval()
        return self

    def begin_stacked(self, watches: tuple[BaseWatch, ...]) -> None:
        """Begin a training that others run: no callback is to be told."""
        self._begin({})
        self.watches = watches
        self.module_.train()

    def _begin(self, epoch_data: dict[str, Any]) -> None:
        self.epoch_data = epoch_data
        self.n_iter = 0
        self.final_loss = math.nan
        self.has_converged = self.was_interrupted = self.was_stopped = False

    @property
    def solver(self) -> Solver:
        """The entry of the recipe's solver in SOLVERS."""
        return get_solver(self.recipe.solver.solver)

    @property
    def loss_penalty(self) -> Penalty:
        """The penalty that is added to the loss."""
        return penalty_in_loss(self.recipe.solver, self.recipe.penalty)

    @property
    def penalised_weights(self) -> list[nn.Parameter]:
        """Trainable matrices; biases and normalization layers are not penalised."""
        return [p for p in self.module_.parameters() if p.requires_grad and p.ndim > 1]

    @property
    def last_linear_layer(self) -> nn.Linear:
        """The layer that gives the outputs."""
        return [layer for layer in self.module_.modules() if isinstance(layer, nn.Linear)][-1]

    @property
    def has_batch_normalization(self) -> bool:
        """Whether a batch of a single row cannot be trained on."""
        layers = [layer for layer in self.module_.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        # Those of a pretrained backbone go on with their old statistics.
        return any(not getattr(layer, "keeps_statistics", False) for layer in layers)

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in lower precision where the recipe says so."""
        dtype = self.recipe.precision.autocast
        return torch.autocast(torch.device(self.device).type, dtype=dtype) if dtype else nullcontext()

    def forward_loss(self, inputs: Any, targets: Any, weights: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs of one batch and its mean loss."""
        with self._weighted_normalization(weights) if weights is not None else nullcontext():
            if self.recipe.precision.autocast:
                with self.autocast():
                    outputs = self.module_(inputs)
                    return outputs, self.criterion_(outputs, targets, weights)
            outputs = self.module_(inputs)
        return outputs, self.criterion_.forward(outputs, targets, weights)

    @contextmanager
    def _weighted_normalization(self, weights: torch.Tensor) -> Iterator[None]:
        layers = [layer for layer in self.module_.modules() if isinstance(layer, BatchNormalization)]
        for layer in layers:
            layer.row_weights = weights
        try:
            yield
        finally:
            for layer in layers:
                layer.row_weights = None

    def set_learning_rate(self, rate: float) -> None:
        """Set the optimizer's rate; groups with a factor of their own get that much of it."""
        for group in self.optimizer_.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)

    def hooks(self, *names: str) -> bool:
        """Whether a callback does anything at one of these moments."""
        return any(
            getattr(type(callback), name, None) is not getattr(Callback, name)
            for _, callback in self.callbacks_
            for name in names
        )

    def outputs(self, inputs: torch.Tensor | RowSource) -> torch.Tensor:
        """Apply the module to all inputs, batch by batch, without gradients."""
        if self.module_.training:
            self.module_.eval()
        step = self.rows_per_pass(inputs)
        with torch.inference_mode(), self.autocast():
            if len(inputs) <= step:
                outputs = self.module_(inputs[:] if isinstance(inputs, RowSource) else inputs)
            else:
                outputs = torch.cat([self.module_(inputs[i : i + step]) for i in range(0, len(inputs), step)])
        return outputs.to(self.recipe.precision.dtype) if self.recipe.precision.autocast else outputs

    def rows_per_pass(self, inputs: torch.Tensor | RowSource) -> int:
        """Return how many rows one pass may take without large intermediate tensors."""
        return max(1, MAX_PASS_ELEMENTS // self.work_for(inputs).n_values)

    def work_for(self, inputs: torch.Tensor | RowSource) -> Work:
        """Return what one of ``inputs`` costs the module; measured once."""
        shape = tuple(inputs.shape[1:])
        if self._work is None or self._work[0] != shape:
            self.__dict__["_work"] = (shape, measure_work(self.module_, inputs))
        work: Work = self._work[1]
        return work

    def step_flops(self, inputs: torch.Tensor | RowSource) -> float:
        """Return the floating-point operations of a step along a full batch of ``inputs``."""
        # Forward, and backward for weights and for inputs: a product and a sum each.
        return 6.0 * self.work_for(inputs).n_products * self.order.batch_size

    def mean_loss(self, outputs: torch.Tensor, rows: Rows) -> float:
        """Return the mean loss of ``rows``, without penalty, given their outputs."""
        return float(self.criterion_(outputs, rows.targets, rows.weights))

    def snapshot(self) -> Snapshot:
        """Copy the module's parameters and buffers."""
        return Snapshot.of(self.module_)

    def restore(self, snapshot: Snapshot) -> None:
        """Write a snapshot back in place."""
        snapshot.restore(self.module_)

    def restore_best(self) -> None:
        """Write back the weights with the best validation score, where one is watched."""
        if self.rule.monitor == "score" and self.best_snapshot is not None:
            self.restore(self.best_snapshot)

    def restore_last_finite(self) -> None:
        """Write back the weights of the last epoch whose loss and weights were finite."""
        if self.last_finite is not None:
            self.restore(self.last_finite)

    def frozen_copy(self) -> "InMemoryNet":
        """Copy the net as it is now, so that further training of this one does not change the copy."""
        frozen = object.__new__(type(self))
        # Past skorch's __setattr__, which registers attributes that are new.
        frozen.__dict__.update(self.__dict__)
        frozen.__dict__["module_"] = copy.deepcopy(self.module_)
        frozen.__dict__["history"] = type(self.history)(dict(row) for row in list.__iter__(self.history))
        return frozen

    def branch(self) -> "InMemoryNet":
        """Copy the net and all that its training needs to go on; callbacks stay the user's own."""
        shared = [self.callbacks, self.callbacks_, self.recipe]
        return copy.deepcopy(self, memo={id(value): value for value in shared})

    def start_training(self, plan: TrainingPlan, is_as_built: bool = False) -> None:
        """Begin a fit: new optimizer, schedule and order of rows; the best value so far is kept.

        The loss and the optimizer of a net that ``is_as_built`` are those that it was built with.
        """
        recipe = self.recipe
        if not is_as_built:
            self.initialize_criterion()
            self.initialize_optimizer()
        self.schedule = self._make_schedule(plan)
        self.order = self._make_order(len(plan.train))
        if self.rule.monitor != recipe.stopping.monitor:
            self.rule = StoppingRule(recipe.stopping.tol, recipe.stopping.patience, recipe.stopping.monitor)
            self.best_snapshot = None
        self.rule.tol, self.rule.patience = recipe.stopping.tol, recipe.stopping.patience
        self.rule.start_over()
        self.epochs_of_fit = 0

    def continue_training(self, plan: TrainingPlan) -> None:
        """Go on with one more pass over rows that may be others than before."""
        self.initialize_criterion()
        if self.schedule.has_end:
            self.schedule = self._make_schedule(plan)
        if self.solver.method == "perceptron_rule":
            # It orders distinct rows, which it counts itself.
            return
        order = self._make_order(len(plan.train))
        if (order.n_rows, order.batch_size) != (self.order.n_rows, self.order.batch_size):
            self.order = order

    def _make_schedule(self, plan: TrainingPlan) -> Schedule:
        recipe = self.recipe
        schedule = SCHEDULES[recipe.schedule.name]
        # Single passes have no known end towards which the rate could fall.
        schedule = Constant if plan.is_one_pass and schedule.has_end else schedule
        return schedule(recipe.solver.learning_rate, plan.max_epochs, recipe.schedule.power_t, recipe.stopping.patience)

    def _make_order(self, n_rows: int) -> BatchOrder:
        if self.solver.method == "full_batch":
            batch_size = n_rows
        else:
            batch_size = min(self.recipe.batch_size or DEFAULT_BATCH_SIZE, n_rows)
        return BatchOrder(n_rows, batch_size, self.recipe.shuffle, self.random)

    def __getstate__(self) -> dict[str, Any]:
        return portable_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore_portable_state(self, state)


class ClassifierNet(InMemoryNet, NeuralNetClassifier):
    """Targets are class indices, zeros and ones, or an indicator matrix."""

    def predict(self, X: Any) -> np.ndarray:
        """Return class indices, or an indicator matrix where there are several labels."""
        probabilities = self.predict_proba(X)
        has_labels = self.recipe.loss.name == "binary_cross_entropy" and self.recipe.module.arguments["n_outputs"] > 1
        return (probabilities > 0.5).astype(int) if has_labels else probabilities.argmax(axis=1)


class RegressorNet(InMemoryNet, NeuralNetRegressor):
    """Targets are a matrix of numbers."""
