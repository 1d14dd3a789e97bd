"""What a network's convolutions look for, and what they see in a picture."""

from typing import Any

import numpy as np
import torch
from torch import nn

from sknets.base import as_inputs
from sknets.inspection._blocks import noting_blocks
from sknets.inspection._fitted_network import as_batch, find_image_network, one_row, transform_rows
from sknets.inspection._layer_trace import as_in_prediction


def convolution_filters(estimator: Any) -> dict[str, np.ndarray]:
    """Return the filters of every convolution.

    Parameters
    ----------
    estimator : CNNClassifier, CNNRegressor, TransferClassifier, sklearn.pipeline.Pipeline or search
        Fitted, or initialized. Of a pipeline the last step is taken, of a search its ``best_estimator_``.

    Returns
    -------
    filters : dict of ndarray of shape (n_filters, n_channels, height, width)
        By the layer's name in ``module_``, from the picture on.

    Raises
    ------
    TypeError
        If it is no network that looks at pictures.
    ValueError
        If it has no convolution.

    See Also
    --------
    feature_maps : What they give for a picture.
    sknets.displays.FilterDisplay : Draws them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import CNNClassifier
    >>> from sknets.inspection import convolution_filters
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(channels=(8, 16), random_state=0).initialize(digits.images, digits.target)
    >>> {name: filters.shape for name, filters in convolution_filters(cnn).items()}
    {'body.0': (8, 1, 3, 3), 'body.4': (16, 8, 3, 3)}
    """
    network = find_image_network(estimator, "convolution_filters")
    filters = {
        name: layer.weight.detach().cpu().float().numpy()
        for name, layer in network.module_.named_modules()
        if isinstance(layer, nn.Conv2d)
    }
    if not filters:
        raise ValueError(
            f"The network must have a convolution; this {type(network).__name__} has none. LinearWeightsDisplay draws "
            "the weights of dense layers."
        )
    return filters


def feature_maps(estimator: Any, image: Any) -> dict[str, np.ndarray]:
    """Return what every convolution gives for one picture, behind its activation.

    Parameters
    ----------
    estimator : CNNClassifier, CNNRegressor, TransferClassifier, sklearn.pipeline.Pipeline or search
        Fitted. The steps of a pipeline before the network transform the picture first.
    image : array-like
        One picture, ``X[0]``, in a layout that ``predict`` takes.

    Returns
    -------
    maps : dict of ndarray of shape (n_maps, height, width)
        By the layer's name in ``module_``, in the order in which the layers run. Of a layer that runs more than once
        it is what its first run gave.

    Raises
    ------
    TypeError
        If it is no network that looks at pictures.
    ValueError
        If it has no convolution, or the picture is not like those of ``fit``.

    See Also
    --------
    convolution_filters : The weights of these layers.
    sknets.displays.FeatureMapDisplay : Draws them.

    Notes
    -----
    An activation that a layer applies by itself (a function called in ``forward``, in place of a module) is not seen:
    the maps are then those before it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknets import CNNClassifier
    >>> from sknets.inspection import feature_maps
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(channels=(8, 16), random_state=0).initialize(digits.images, digits.target)
    >>> {name: maps.shape for name, maps in feature_maps(cnn, digits.images[0]).items()}
    {'body.0': (8, 8, 8), 'body.4': (16, 4, 4)}
    """
    network = find_image_network(estimator, "feature_maps")
    X = network._check_X(transform_rows(estimator, one_row(image)))
    net, module = network.net_, network.module_
    device = torch.device(net.device)
    inputs = as_batch(as_inputs(X, net.recipe.precision.dtype, device))
    activation = net.recipe.module.arguments.get("activation")
    with as_in_prediction(module, device), torch.no_grad(), net.autocast(), noting_blocks(module, activation) as blocks:
        module(inputs)
    maps = {block.name: block.output[0].cpu().float().numpy() for block in blocks if isinstance(block.layer, nn.Conv2d)}
    if not maps:
        raise ValueError(
            f"The network must have a convolution; none ran in this {type(network).__name__}. Give one with channels."
        )
    return maps
