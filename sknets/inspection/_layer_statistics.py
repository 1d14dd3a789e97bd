"""A recorder of how strongly each layer learns, and how much its activations still tell, epoch by epoch."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sknets.inspection._fitted_network import find_network
from sknets.inspection._layer_measures import measure_layers
from sknets.training import InMemoryNet, Rows
from sknets.training.callbacks import Callback

if TYPE_CHECKING:
    import pandas as pd


class LayerStatistics(Callback):
    """Record gradients and activations of every layer before the first epoch and after each.

    A skorch callback for a network's ``callbacks``. It sends a sample of the training rows, always the same ones,
    forward and backward through the network as in prediction, beside the training: weights, running statistics and
    random numbers stay as they are, bit by bit.

    Parameters
    ----------
    n_rows : int, default=256
        Rows in the sample; all of them where there are fewer.
    random_state : int, default=0
        Draws the sample.

    See Also
    --------
    layer_statistics : The record as a table.
    sknets.displays.LayerStatisticsDisplay : Draws it.

    Notes
    -----
    ``fit`` works on a copy of each callback, which is where the record is: :func:`layer_statistics` finds it.

    The network is looked at as in prediction: dropout is off, and batch normalization uses its running statistics,
    so that gradients are those of the network that would be used, not those of a batch. The loss is without penalty.

    References
    ----------
    X. Glorot, Y. Bengio, Understanding the Difficulty of Training Deep Feedforward Neural Networks, AISTATS 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier
    >>> from sknets.inspection import LayerStatistics, layer_statistics
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,) * 6, activation="logistic", callbacks=[LayerStatistics()], random_state=0)
    >>> table = layer_statistics(network.initialize(X, y).partial_fit(X, y))
    >>> start = table[table["epoch"] == 0]["gradient_ratio"]
    >>> bool(start.iloc[0] < start.iloc[-1] / 1000)  # the first layer hears next to nothing
    True
    """

    def __init__(self, n_rows: int = 256, random_state: int = 0) -> None:
        self.n_rows = n_rows
        self.random_state = random_state

    def initialize(self) -> "LayerStatistics":
        """Begin a new record."""
        self.rows_: list[dict[str, Any]] = []
        return self

    def on_train_begin(self, net: InMemoryNet, X: Any = None, **kwargs: Any) -> None:
        """Record the weights that training starts from."""
        if X is not None and not (self.rows_ and self.rows_[-1]["epoch"] == len(net.history)):
            self._record(net, X.rows)

    def on_epoch_end(self, net: InMemoryNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Record the weights that the epoch has led to."""
        self._record(net, dataset_train.rows)

    def _record(self, net: InMemoryNet, rows: Rows) -> None:
        sample = self._take_sample(rows)
        epoch = {"epoch": len(net.history)}
        self.rows_ += [epoch | layer for layer in measure_layers(net, sample)]

    def _take_sample(self, rows: Rows) -> Rows:
        # From a generator of its own: the net's would order other batches afterwards.
        rng = np.random.default_rng(self.random_state)
        n_rows = min(self.n_rows, len(rows))
        places = torch.from_numpy(np.sort(rng.choice(len(rows), n_rows, replace=False))).to(rows.targets.device)
        weights = None if rows.weights is None else rows.weights[places]
        return Rows(rows.inputs[places], rows.targets[places], weights)


def layer_statistics(estimator: Any) -> "pd.DataFrame":
    """Return what a network's :class:`LayerStatistics` has recorded.

    Parameters
    ----------
    estimator : sknets estimator, sklearn.pipeline.Pipeline or search
        Fitted, with a :class:`LayerStatistics` among its ``callbacks``.

    Returns
    -------
    table : pandas.DataFrame
        A row for each epoch and each layer with weights, in the order in which the layers run, with the columns:

        =================  ==================================================================================
        epoch              0 for the start, before any training
        layer              its place in ``module_``, as :func:`sknets.summary` names it
        gradient           mean absolute gradient of the layer's weights; NaN where they are frozen
        weight             mean absolute weight
        gradient_ratio     gradient / weight: how much of itself a step at rate 1 would change
        spread             standard deviation of an activation over the rows, mean over the layer's units: how
                           much of the rows the layer still tells apart
        saturated          share of activations at which the slope of the activation function is less than a
                           twentieth of its steepest. Half is usual for ReLU. NaN for a layer without activation
        dead               share of units (of maps, in a convolution) that are saturated for all rows
        =================  ==================================================================================

    Raises
    ------
    ValueError
        If nothing was recorded.
    TypeError
        If it is no network.

    See Also
    --------
    LayerStatistics : What records.
    sknets.displays.LayerStatisticsDisplay : Draws it.
    """
    import pandas as pd

    network = find_network(estimator, "layer_statistics")
    recorders = [callback for _, callback in network.net_.callbacks_ if isinstance(callback, LayerStatistics)]
    rows = [row for recorder in recorders[:1] for row in recorder.rows_]
    if not rows:
        raise ValueError(
            f"Nothing has recorded the layers of this {type(network).__name__}. Fit it with "
            "callbacks=[LayerStatistics()]."
        )
    return pd.DataFrame(rows)
