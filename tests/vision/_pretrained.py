"""Weights as if torchvision had published them: random, but with the batch statistics of pictures."""

import os

import numpy as np
import torch

from sknets._torchvision import import_torchvision

#: The quickest model of torchvision on a CPU.
BACKBONE = "shufflenet_v2_x0_5"


def make_model(name=BACKBONE, seed=0, **arguments):
    """Return a torchvision model in the mode of prediction whose features tell pictures apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = import_torchvision().models.get_model(name, weights=None, **arguments)
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0
        with torch.no_grad():
            model.train()(torch.nn.functional.interpolate(2 * torch.randn(8, 3, 4, 4), (64, 64), mode="bilinear"))
    return model.eval()


def file_name(name=BACKBONE, weights="DEFAULT"):
    """Return the name of the file in which torchvision publishes a model's weights."""
    return import_torchvision().models.get_model_weights(name)[weights].url.rsplit("/", 1)[-1]


def publish(state_dict, folder, name=BACKBONE, weights="DEFAULT"):
    """Put weights where torch.hub, whose folder ``folder`` is, keeps what it has downloaded."""
    path = folder / "checkpoints" / file_name(name, weights)
    os.makedirs(path.parent, exist_ok=True)
    torch.save(state_dict, path)
    return path


def refuse_download(*args, **kwargs):
    """Take the place of what would fetch a file."""
    raise AssertionError("nothing may be downloaded in a test")


def make_pictures(rng, n=8, side=32):
    """Return colour pictures of bytes, of reddish squares in class 0 and of bluish ones in class 1."""
    y = np.arange(n) % 2
    squares = rng.integers(0, 60, size=(n, 4, 4, 3), dtype=np.uint8)
    squares[y == 0, ..., 0] += 190
    squares[y == 1, ..., 2] += 190
    return squares.repeat(side // 4, axis=1).repeat(side // 4, axis=2), y


def bits(module):
    """Return copies of all numbers of a module."""
    return [tensor.detach().clone() for tensor in module.state_dict().values()]


def is_same(first, second):
    """Whether two lists of tensors are the same, bit by bit."""
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
