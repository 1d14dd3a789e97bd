"""A network as a table: whose it is, and which row to send through."""

from numbers import Integral
from typing import Any

import torch
from torch import nn

from sknets._image_layout import ImageLayout
from sknets.inspection._fitted_network import find_network
from sknets.inspection._layer_trace import trace_runs
from sknets.inspection._summary_table import Summary, make_rows


def summary(estimator: Any, input_shape: Any = None) -> Summary:
    """List a network's layers with output shapes and numbers of parameters.

    Parameters
    ----------
    estimator : sknets estimator, sklearn.pipeline.Pipeline, search or torch.nn.Module
        Fitted, or initialized. Of a pipeline the last step is taken, of a search its ``best_estimator_``.
    input_shape : int or tuple of int, default=None
        The shape of one row, without the axis of rows: ``n_features`` or (n_channels, height, width). For a module
        only; an estimator knows its own.

    Returns
    -------
    summary : Summary
        Prints as a table; its numbers are attributes.

    Raises
    ------
    TypeError
        If it is neither a network nor a pipeline or search with one.
    sklearn.exceptions.NotFittedError
        If it has no network yet.
    ValueError
        For an ``input_shape`` that a module cannot take, or that comes with an estimator.

    Notes
    -----
    One row of zeros is sent through the network as in prediction. The network is left as it was: its mode, its hooks
    and torch's random numbers.

    Layers stand in the order in which they run, and those that the network holds but did not call at the end. A layer
    that is called again with another shape of outputs has another line. Each parameter is counted once, also where two
    layers share it. A module with parameters of its own beside those of its layers has a line for them, behind its
    layers.

    The running statistics of batch normalization are no parameters: training does not fit them by gradients. Keras
    counts them as non-trainable parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknets import MLPClassifier, summary
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16, 8), random_state=0).initialize(X, y)
    >>> table = summary(clf)
    >>> print(table)
    MLPClassifier, input (n, 4)
    <BLANKLINE>
    Name   Layer          Output shape  Parameters  Trainable
    -----  -------------  ------------  ----------  ---------
    0      Linear(4, 16)  (n, 16)               80         80
    1      ReLU           (n, 16)                0          0
    2      Linear(16, 8)  (n, 8)               136        136
    3      ReLU           (n, 8)                 0          0
    4      Linear(8, 3)   (n, 3)                27         27
    -----  -------------  ------------  ----------  ---------
    Total                                      243        243
    <BLANKLINE>
    Size of the parameters: less than 0.01 MiB (float64, on cpu)
    >>> table.n_parameters
    243
    """
    if isinstance(estimator, nn.Module):
        return _summarize_module(estimator, input_shape)
    network = find_network(estimator, "summary")
    if input_shape is not None:
        raise ValueError(
            f"input_shape is for a torch.nn.Module only; got {input_shape!r} with a {type(network).__name__}, which "
            "knows the shape of its rows. Leave it out."
        )
    module, net = network.module_, network.net_
    row = torch.zeros(1, *_row_shape(network), dtype=net.recipe.precision.dtype, device=net.device)
    return _summarize(type(network).__name__, module, row)


def _row_shape(network: Any) -> tuple[int, ...]:
    layout = getattr(getattr(network.module_, "input", None), "layout", None)
    return layout.row_shape if isinstance(layout, ImageLayout) else (network.n_features_in_,)


def _summarize_module(module: nn.Module, input_shape: Any) -> Summary:
    shape = _check_input_shape(input_shape)
    tensors = [*module.parameters(), *module.buffers()]
    if any(nn.parameter.is_lazy(tensor) for tensor in tensors):
        raise ValueError(
            "module must know the shapes of its parameters; got one with lazy layers that have seen no data. Send one "
            "batch through it first."
        )
    device = tensors[0].device if tensors else torch.device("cpu")
    dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.get_default_dtype())
    row = torch.zeros(1, *shape, dtype=dtype, device=device)
    try:
        return _summarize(type(module).__name__, module, row)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"input_shape must be the shape of one row that the module can take, without the axis of rows; with "
            f"{shape} it said: {error}. Give (n_features,) for a table, (n_channels, height, width) for pictures."
        ) from error


def _check_input_shape(input_shape: Any) -> tuple[int, ...]:
    shape = (input_shape,) if isinstance(input_shape, Integral) else input_shape
    if not isinstance(shape, tuple | list) or not all(isinstance(side, Integral) and int(side) > 0 for side in shape):
        raise ValueError(
            "input_shape must be given with a torch.nn.Module, in positive whole numbers; "
            f"got {input_shape!r}. Give the shape of one row, such as (n_features,) or (n_channels, height, width)."
        )
    return tuple(map(int, shape))


def _summarize(title: str, module: nn.Module, row: torch.Tensor) -> Summary:
    return Summary(
        title=title,
        input_shape=(None, *row.shape[1:]),
        rows=make_rows(trace_runs(module, row)),
        size_mib=sum(p.numel() * p.element_size() for p in module.parameters()) / 2**20,
        device=row.device,
        dtype=row.dtype,
    )
